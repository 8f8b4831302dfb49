import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist
from square_faces import POINTS, SCHEME

from common.landmark_files.scheme import SCHEMES
from tasks.landmarks.pictures import (
    ERROR,
    LABELLED,
    PREDICTED,
    face_picture,
    mean_face,
    point_maps,
    region_bars,
)

BLACK = np.zeros((40, 40, 3), np.uint8)
SAME = np.array([[1.0, 0, 0], [0, 1, 0]])


def near(picture, place, colour):
    """Whether a pixel x, y has about that colour."""
    x, y = place
    return np.abs(picture[y, x].astype(int) - colour).max() < 40


def test_labelled_points_are_green_predicted_ones_red_and_a_white_line_joins_them():
    picture = face_picture(BLACK, SAME, np.array([[10.0, 20]]), np.array([[30.0, 20]]), side=80)
    # A pixel is two wide: the middle of pixel 10 is between 20 and 21.
    assert near(picture, (20, 40), LABELLED)
    assert near(picture, (60, 40), PREDICTED)
    assert picture[39:43, 40].max() > 100
    assert not near(picture, (40, 30), ERROR)
    assert picture.shape == (80, 80, 3)


def test_points_are_where_the_crop_shows_them():
    picture = face_picture(BLACK, np.array([[0.5, 0, 0], [0, 0.5, 10]]), np.array([[40.0, 20]]), side=40)
    assert near(picture, (20, 20), LABELLED)
    assert picture.max(axis=2).nonzero()[0].size < 60


def test_points_far_outside_are_where_their_line_leads():
    picture = face_picture(BLACK, SAME, np.array([[20.0, 20]]), np.array([[1e9, 20]]), side=40)
    assert picture[20, 30:39].max(axis=1).min() > 100
    assert picture[20, 1:15].max() == 0


def test_lines_join_points_in_their_order():
    picture = face_picture(BLACK, SAME, np.array([[5.0, 10], [35, 10], [20, 35]]), lines=((0, 1),), side=40)
    assert picture[10, 20].max() > 100
    assert picture[22, 12].max() == 0


def turned(points, degrees):
    """Points turned around (0, 0)."""
    angle = np.deg2rad(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_the_mean_does_not_depend_on_how_faces_are_moved_turned_and_scaled():
    other = POINTS + np.array([[0, 3], [2, 0], [-1, 1], [0, 0], [1, 4]])
    plain = mean_face(np.stack([POINTS, other]))
    moved = mean_face(np.stack([3 * turned(POINTS, 80) + 50, 0.5 * turned(other, 10) - 20]))
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=1e-6)
    # It may itself be turned: its form is in the distances of its points.
    np.testing.assert_allclose(pdist(moved), pdist(plain), rtol=1e-5)


def test_the_mean_of_one_face_is_that_face():
    sides, expected = pdist(mean_face(np.stack([POINTS, 2 * POINTS]))), pdist(POINTS)
    np.testing.assert_allclose(sides / sides.max(), expected / expected.max(), rtol=1e-5)


def test_the_mean_of_upright_faces_is_upright():
    mean = mean_face(np.stack([turned(POINTS, 20), turned(POINTS, -20)]))
    assert mean[0, 1] == pytest.approx(mean[1, 1])
    assert mean[0, 0] < mean[1, 0]
    assert mean[3, 1] > mean[0, 1]


@pytest.mark.parametrize(("count", "across", "down"), [(1, 1, 1), (5, 3, 2)])
@pytest.mark.parametrize("diverging", [False, True])
def test_point_maps_stand_three_in_a_row(tmp_path, count, across, down, diverging):
    path = tmp_path / "points.png"
    values = {f"network {place}": np.arange(5.0) - 2 * diverging for place in range(count)}
    point_maps(POINTS, values, SCHEME, "percent", path, diverging)
    width, height = Image.open(path).size
    # A face is 3.9 inches of 130 dots wide, the colours take one more, and this face is as high as it is wide.
    assert width == pytest.approx(130 * (3.9 * across + 1), abs=2)
    assert height == pytest.approx(130 * 4.9 * down, abs=70 * down)
    assert not list(tmp_path.glob(".*"))


def test_points_are_orange_below_zero_and_purple_above(tmp_path):
    for sign in (-1, 1):
        point_maps(POINTS, {"kd": sign * np.arange(2.0, 7)}, SCHEME, "gain", tmp_path / "gain.png", diverging=True)
        face = np.asarray(Image.open(tmp_path / "gain.png").convert("RGB"))[:, : round(130 * 3.9)].astype(int)
        warm, cold = (face[..., 0] - face[..., 2] > 80).any(), (face[..., 2] - face[..., 0] > 20).any()
        assert (warm, cold) == (sign < 0, sign > 0)


def test_point_maps_take_networks_without_errors_and_schemes_without_lines(tmp_path):
    points = np.random.default_rng(0).uniform(size=(29, 2))
    for diverging in (False, True):
        point_maps(points, {"perfect": np.zeros(29)}, SCHEMES["29"], "percent", tmp_path / "p.png", diverging)


def test_region_bars_take_seeds_and_single_checkpoints(tmp_path):
    regions = {"plain": {"eyes": [1.0], "mouth": [2.0]}, "kd": {"eyes": [1.0, 2.0], "mouth": [2.0, 2.5]}}
    region_bars(regions, "percent", tmp_path / "regions.png")
    assert Image.open(tmp_path / "regions.png").size[0] > 500
