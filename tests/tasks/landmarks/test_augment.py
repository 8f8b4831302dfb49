"""Random views of faces."""

import numpy as np
import pytest

from common.errors import ConfigError
from tasks.landmarks.augment import FaceAugment

IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


def test_geometry_stays_in_its_ranges_and_uses_them():
    augment = FaceAugment(rotation=20, scale=0.1, shift=0.05)
    views = [augment.geometry(np.random.default_rng(seed)) for seed in range(300)]
    for name, middle, reach in (("rotation", 0, 20), ("scale", 1, 0.1)):
        values = np.array([view[name] for view in views]) - middle
        assert 0.9 * reach < np.abs(values).max() <= reach
    assert np.abs([view["shift"] for view in views]).max() <= 0.05
    assert 0.4 < np.mean([view["flip"] for view in views]) < 0.6


@pytest.mark.parametrize("name", ["gamma", "noise", "blur", "rectangles"])
def test_each_change_alone_changes_the_picture_and_nothing_else_does(name):
    silent = dict.fromkeys(("gamma", "noise", "blur", "rectangles"), 0.0)
    changed = FaceAugment(**{**silent, name: 1.0}).paint(IMAGE, np.random.default_rng(0))
    assert changed.shape == IMAGE.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, IMAGE)
    assert np.array_equal(FaceAugment(**silent).paint(IMAGE, np.random.default_rng(0)), IMAGE)


def test_paint_follows_from_its_generator_alone():
    augment = FaceAugment(gamma=1, noise=1, blur=1, rectangles=1)
    first = augment.paint(IMAGE, np.random.default_rng(5))
    augment.paint(IMAGE, np.random.default_rng(6))
    assert np.array_equal(augment.paint(IMAGE, np.random.default_rng(5)), first)
    assert not np.array_equal(augment.paint(IMAGE, np.random.default_rng(6)), first)


@pytest.mark.parametrize("bad", [{"flip": 1.5}, {"noise": -0.1}, {"rotation": -1}, {"scale": 1.0}])
def test_impossible_values_are_refused(bad):
    with pytest.raises(ConfigError, match=next(iter(bad))):
        FaceAugment(**bad)
