"""Clips whose points are known, and what is measured on them."""

import numpy as np
import pytest
from square_faces import POINTS, SCHEME

from common.errors import ConfigError
from tasks.landmarks import video_benchmark
from tasks.landmarks.landmarker import LandmarkInfo
from tasks.landmarks.video_benchmark import Clip, moving_face, steadiness, video, video_table


def marked_picture():
    """A dark picture with a bright spot at each of five points."""
    image = np.zeros((120, 120, 3), np.uint8)
    points = np.array([[40.0, 40], [80, 40], [60, 60], [45, 80], [75, 80]])
    for x, y in points.astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image, points


def test_points_of_a_clip_lie_on_what_they_mark():
    clip = moving_face(*marked_picture(), np.random.default_rng(0))
    assert clip.frames.shape == (120, 240, 320, 3)
    for frame, points in zip(clip.frames[::20], clip.points[::20], strict=True):
        x, y = np.rint(points).astype(int).T
        assert (frame[y, x] > 150).all()
        assert np.median(frame) < 50


def test_a_face_rests_and_then_moves():
    clip = moving_face(*marked_picture(), np.random.default_rng(0))
    moves = np.abs(np.diff(clip.points, axis=0)).max(axis=(1, 2))
    assert clip.rests.sum() == 49  # 0.4 of 120 frames, and the first that could have moved
    assert (moves[: clip.rests.sum() - 1] == 0).all()
    assert (moves[clip.rests.sum() :] > 0).all()


def test_jitter_is_the_change_of_errors_alone():
    truth = np.zeros((4, 2, 2))
    unit = np.full(4, 10.0)
    assert steadiness(truth + np.array([3.0, 4.0]), truth, unit) == pytest.approx((50, 0))
    hopping = truth.copy()
    hopping[1::2, :, 0] = 1.0  # one pixel to and fro: a tenth of the distance in every frame
    assert steadiness(hopping, truth, unit) == pytest.approx((5, 10))


PLACES = POINTS * 2.0 + 20  # in the still clip below


class Noisy:
    """Knows where the face of a still clip is, but for noise of so many pixels."""

    info = LandmarkInfo(SCHEME, 32, 0.25)

    def __init__(self, noise):
        self.noise, self.rng = noise, np.random.default_rng(0)

    def points(self, image, boxes, refine=None):
        return PLACES + self.rng.normal(0, self.noise, (len(boxes), *PLACES.shape))


def test_smoothing_steadies_a_noisy_network(monkeypatch):
    monkeypatch.setattr(video_benchmark, "load_onnx", lambda path, threads: Noisy(0.2))
    still = Clip(np.full((40, 60, 80, 3), 128, np.uint8), np.repeat(PLACES[None], 40, 0), np.ones(40, bool))
    monkeypatch.setattr(video_benchmark, "moving_face", lambda *_: still)
    monkeypatch.setattr(video_benchmark, "_faces", lambda *_: [(None, None)])
    result = video(["a.onnx"], clips=1, rounds=1)
    found = result["networks"]["a.onnx"]
    assert found["smoothed"]["jitter"] < 0.5 * found["raw"]["jitter"]
    assert found["followed"]["median"] > 0
    row = video_table(result).rows[0]
    assert row[:2] == ["a.onnx", "raw"]


def test_nothing_to_follow_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match="expected a network, a clip and a round but found 0"):
        video([])
    monkeypatch.setattr(video_benchmark, "load_onnx", lambda path, threads: Noisy(0.0))
    with pytest.raises(ConfigError, match="expected networks of 68 points, as generated faces have, but found 5"):
        video(["a.onnx"])
