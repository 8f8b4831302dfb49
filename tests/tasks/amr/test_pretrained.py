"""The network that comes with the suite does what its page says of it."""

import numpy as np
import pytest

from data_prep.amr.frames import make_frames
from data_prep.amr.recipe import make_recipe
from tasks.amr.predict import DEFAULT_NETWORK
from tasks.amr.recogniser import load_onnx

FRAMES = 30  # of each class and label; the share of 420 that are right has a standard deviation of 2.4 points
SEED = 7  # the page's frames are of seed 0


@pytest.fixture(scope="module")
def network():
    return load_onnx(DEFAULT_NETWORK, threads=1)


@pytest.fixture(scope="module")
def heard(network):
    """SNR label -> log-probabilities ``[classes, FRAMES, classes]``."""
    recipe = make_recipe("wide", length=network.info.length, sps=(4, 8, 16))

    def hear(mod, snr):
        return network.log_probabilities(make_frames(recipe, SEED, mod, snr, range(FRAMES))[0])

    return {snr: np.stack([hear(mod, snr) for mod in network.info.classes]) for snr in (-6, 0, 10, 20)}


def shares_right(found):
    """Of each class, ``[classes]``."""
    return (found.argmax(axis=2) == np.arange(len(found))[:, None]).mean(axis=1)


def test_it_is_as_small_as_its_page_says():
    assert DEFAULT_NETWORK.stat().st_size / 1000 == pytest.approx(89, abs=1)


@pytest.mark.parametrize(("snr", "percent"), [(-6, 32.5), (0, 60), (10, 77), (20, 81)])
def test_accuracy_on_frames_of_another_seed_is_the_published_one(heard, snr, percent):
    assert 100 * shares_right(heard[snr]).mean() == pytest.approx(percent, abs=4 * 2.4)


def test_strong_signals_are_told_but_for_the_orders_of_qam(network, heard):
    right = dict(zip(network.info.classes, shares_right(heard[20]), strict=True))
    assert min(share for mod, share in right.items() if mod not in ("QAM16", "QAM64")) > 0.5
    qam = [network.info.classes.index(mod) for mod in ("QAM16", "QAM64")]
    assert np.isin(heard[20][qam].argmax(axis=2), qam).mean() > 0.7


def test_it_is_as_sure_as_it_is_right(heard):
    every = np.stack(list(heard.values()))
    sure = np.exp(every.max(axis=3)).mean()
    right = np.mean([shares_right(found).mean() for found in heard.values()])
    assert sure == pytest.approx(right, abs=0.05)
