"""Backgrounds, things in front of faces, and the camera."""

from dataclasses import replace

import numpy as np
import pytest

from data_prep.landmarks.face_scene import Camera, background, occlude

SIDE = 64


@pytest.fixture
def camera():
    """One that changes nothing."""
    return Camera(0.0, 0.0, 0.0, 1.0, 1.0, np.ones(3), 0.0, False, 95)


@pytest.fixture
def ramp():
    return np.broadcast_to(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], (SIDE, SIDE, 3)).copy()


def test_backgrounds_differ_and_depend_on_the_generator_alone():
    pictures = [background(np.random.default_rng(seed), SIDE) for seed in (0, 0, 1)]
    assert all(picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8 for picture in pictures)
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


@pytest.mark.parametrize("seed", range(6))
def test_points_are_hidden_where_something_was_put_before_them(seed):
    rng = np.random.default_rng(seed)
    canvas = np.full((200, 200, 3), (255, 0, 255), np.uint8)
    points = rng.uniform(40, 160, (400, 2))
    hidden = occlude(rng, canvas, points, 10.0)
    x, y = np.rint(points).astype(int).T
    changed = (canvas[y, x] != (255, 0, 255)).any(axis=1)
    assert hidden.any()
    assert (hidden == changed).mean() > 0.97  # but for soft edges


def test_points_outside_of_the_picture_are_not_hidden():
    points = np.array([[50.0, 50], [-30, 50], [50, 400]])
    hidden = [occlude(np.random.default_rng(seed), np.zeros((100, 100, 3), np.uint8), points, 9.0) for seed in range(8)]
    assert not np.array(hidden)[:, 1:].any()


def test_camera_that_changes_nothing_gives_the_picture(camera, ramp):
    np.testing.assert_allclose(camera.expose(ramp, np.random.default_rng(0)), ramp, atol=1)


def test_gain_scales_the_light(camera, ramp):
    half = replace(camera, gain=0.5).expose(ramp, np.random.default_rng(0))
    np.testing.assert_allclose(half, ramp / 2, atol=1)


def test_noise_has_its_standard_deviation(camera):
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert replace(camera, noise=10.0).expose(grey, np.random.default_rng(0)).std() == pytest.approx(10, rel=0.02)


def test_shake_spreads_a_point_along_its_direction_and_keeps_its_light(camera):
    point = np.zeros((SIDE, SIDE, 3), np.uint8)
    point[32, 32] = 255
    light = replace(camera, motion=0.1).expose(point, np.random.default_rng(0))[..., 0]
    rows, columns = np.nonzero(light)
    assert set(rows) == {32}
    assert (columns.min(), columns.max()) == (29, 35)
    assert light.sum() == pytest.approx(255, abs=7)  # rounded down in seven pixels


def test_blur_and_darkness_are_told(camera):
    assert not camera.is_blurred
    assert not camera.is_dark
    assert replace(camera, blur=0.01).is_blurred
    assert replace(camera, motion=0.03).is_blurred
    assert replace(camera, gain=0.3).is_dark


def test_grey_pictures_have_no_colour(camera):
    picture = background(np.random.default_rng(3), SIDE)
    grey = replace(camera, grey=True).expose(picture, np.random.default_rng(0))
    assert (grey == grey[..., :1]).all()
