"""The network that comes with the suite."""

import numpy as np
import pytest

from data_prep.amr.draw import draw_frames
from data_prep.amr.recipe import make_recipe
from tasks.amr.predict import DEFAULT_NETWORK
from tasks.amr.recogniser import load_onnx


@pytest.fixture(scope="module")
def network():
    return load_onnx(DEFAULT_NETWORK, threads=1)


def test_it_is_small():
    assert DEFAULT_NETWORK.stat().st_size < 200_000


@pytest.mark.parametrize(("mod", "least"), [("BPSK", 0.8), ("AM-DSB", 0.8), ("OOK", 0.7), ("CPFSK", 0.8)])
def test_strong_signals_of_another_seed_are_told(network, mod, least):
    recipe = make_recipe("wide", length=network.info.length, sps=(4, 8, 16))
    drawn = draw_frames(recipe, [mod], snrs=(15, 20), count=100, seed=7)
    found = network.log_probabilities(drawn.frames).argmax(axis=1)
    assert np.mean(found == network.info.classes.index(mod)) > least
