import math

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from common.heatmap import UNMEASURED, heatmaps


def pixels(path, colour):
    picture = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3).astype(int)
    return int((np.abs(picture - colour).max(axis=1) <= 2).sum())


def shade(percent):
    return np.round(255 * np.array(colormaps["Blues"](percent / 100)[:3]))


def test_cells_have_the_colour_of_their_percentage(tmp_path):
    matrix = np.array([[100.0, 0.0], [0.0, 100.0], [40.0, 60.0]])
    heatmaps({"kd": matrix}, ["a", "b", "c"], ["x", "y"], tmp_path / "a.png")
    full, forty = pixels(tmp_path / "a.png", shade(100)), pixels(tmp_path / "a.png", shade(40))
    assert forty > 500
    assert full == pytest.approx(2 * forty, rel=0.2)  # the numbers in the cells cover some pixels


def test_unmeasured_cells_are_grey(tmp_path):
    grey = np.array([int(UNMEASURED[place : place + 2], 16) for place in (1, 3, 5)])
    heatmaps({"kd": np.array([[100.0, math.nan]])}, ["a"], ["x", "y"], tmp_path / "a.png")
    assert pixels(tmp_path / "a.png", grey) > 500
    heatmaps({"kd": np.array([[100.0, 0.0]])}, ["a"], ["x", "y"], tmp_path / "b.png")
    assert pixels(tmp_path / "b.png", grey) < 100


@pytest.mark.parametrize(("columns", "across"), [(4, 2), (24, 1)])
def test_narrow_matrices_stand_side_by_side_and_wide_ones_below_each_other(tmp_path, columns, across):
    names = [str(column) for column in range(columns)]
    one, two = np.full((3, columns), 50.0), {"a": np.full((3, columns), 50.0), "b": np.full((3, columns), 50.0)}
    heatmaps({"a": one}, ["x", "y", "z"], names, tmp_path / "one.png")
    heatmaps(two, ["x", "y", "z"], names, tmp_path / "two.png")
    width, height = Image.open(tmp_path / "one.png").size
    down = 2 // across
    assert Image.open(tmp_path / "two.png").size == pytest.approx((across * width, down * height), abs=2)
