"""Clips whose points are known, and what is measured on them."""

import numpy as np
import pytest
from square_faces import POINTS, SCHEME

from common.errors import ConfigError
from tasks.landmarks import video_benchmark
from tasks.landmarks.detector import LEAST_FACE_IN_VIDEO
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.landmarker import LandmarkInfo
from tasks.landmarks.video_benchmark import HEIGHT, WIDTH, Clip, moving_face, video, video_table


def marked_picture():
    """A dark picture with a bright spot at each of five points."""
    image = np.zeros((120, 120, 3), np.uint8)
    points = np.array([[40.0, 40], [80, 40], [60, 60], [45, 80], [75, 80]])
    for x, y in points.astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    return image, points


def test_points_of_a_clip_lie_on_what_they_mark():
    clip = moving_face(*marked_picture(), np.random.default_rng(0))
    assert clip.frames.shape == (120, HEIGHT, WIDTH, 3)
    for frame, points in zip(clip.frames[::20], clip.points[::20], strict=True):
        x, y = np.rint(points).astype(int).T
        assert (frame[y, x] > 150).all()
        assert np.median(frame) < 50


def test_a_face_is_as_large_whatever_points_it_has():
    """Five points that are half of their face, which is 45 % as high as the frame: 22.5 % of 480 pixels."""
    image, points = marked_picture()
    clip = moving_face(image, points, np.random.default_rng(0), FaceBox(0, 0, 0.5, 0.5))
    assert np.ptp(clip.points[0], axis=0).max() == pytest.approx(108)
    assert np.ptp(moving_face(image, points, np.random.default_rng(0)).points[0], axis=0).max() == pytest.approx(216)


def test_a_face_rests_and_then_moves():
    clip = moving_face(*marked_picture(), np.random.default_rng(0))
    moves = np.abs(np.diff(clip.points, axis=0)).max(axis=(1, 2))
    assert clip.rests.sum() == 49  # 0.4 of 120 frames, and the first that could have moved
    assert (moves[: clip.rests.sum() - 1] == 0).all()
    assert (moves[clip.rests.sum() :] > 0).all()


PLACES = POINTS * 2.0 + 20  # in the still clip below


class Noisy:
    """Knows where the face of a still clip is, but for noise of so many pixels."""

    info = LandmarkInfo(SCHEME, 32, 0.25)

    def __init__(self, noise):
        self.noise, self.rng = noise, np.random.default_rng(0)

    def points(self, image, boxes, refine=None, of_faces=False):
        return PLACES + self.rng.normal(0, self.noise, (len(boxes), *PLACES.shape))


STILL = Clip(np.full((40, 60, 80, 3), 128, np.uint8), np.repeat(PLACES[None], 40, 0), np.ones(40, bool))


@pytest.fixture
def measured(monkeypatch):
    """What is measured of a network on the still clip."""

    def measure(network, **told):
        monkeypatch.setattr(video_benchmark, "load_onnx", lambda path, threads: network)
        monkeypatch.setattr(video_benchmark, "moving_face", lambda *_: STILL)
        monkeypatch.setattr(video_benchmark, "_faces", lambda *_: [(None, None)])
        return video(["a.onnx"], clips=1, rounds=1, **told)

    return measure


def test_smoothing_steadies_a_noisy_network(measured):
    result = measured(Noisy(0.2))
    found = result["networks"]["a.onnx"]
    assert found["smoothed"]["jitter"] < 0.5 * found["raw"]["jitter"]
    assert found["followed"]["median"] > 0
    row = video_table(result).rows[0]
    assert row[:2] == ["a.onnx", "raw"]


class Hopping(Noisy):
    """Is one pixel off, to the right and to the left in turns: 5 % of the 20 pixels from eye to eye."""

    def points(self, image, boxes, refine=None, of_faces=False):
        self.noise = -(self.noise or 1)
        return np.tile(PLACES + np.array([self.noise, 0]), (len(boxes), 1, 1))


def test_errors_and_jitter_are_in_percent_of_the_distance_of_the_eyes(measured):
    found = measured(Hopping(0))["networks"]["a.onnx"]
    assert found["raw"] == pytest.approx({"nme": 5, "jitter": 10, "jitter_at_rest": 10})
    assert found["lost"] == 0


class Losing(Noisy):
    """Loses the face in each of its ``lost``-th crops: its points are twice as far from each other there."""

    def __init__(self, lost, ticks):
        super().__init__(0)
        self.lost, self.ticks, self.calls = lost, ticks, 0

    def points(self, image, boxes, refine=None, of_faces=False):
        if not len(boxes):
            return np.empty((0, *PLACES.shape))
        self.ticks.append(1 + (refine is None))  # of a first box there are two predictions
        self.calls += 1
        return np.stack([PLACES * (2 if refine == 0 and self.calls % self.lost == 0 else 1)])


def test_losses_are_told_and_do_not_make_a_network_fast(measured, monkeypatch):
    """A prediction takes a second, and a search by the detector none; the first crop of a face is predicted twice."""
    ticks = []
    monkeypatch.setitem(video_benchmark.CLOCKS, "wall", lambda: sum(ticks))
    results = [measured(Losing(lost, ticks)) for lost in (10**6, 8)]
    steady, losing = (result["networks"]["a.onnx"] for result in results)
    assert steady["followed"]["median"] == pytest.approx(40 / 41)
    # 39 frames are followed; every eighth crop, with those of the faces that are found again, is a loss.
    assert (steady["lost"], losing["lost"]) == (0, 5)
    for phase in ("followed", "searched"):
        assert losing[phase]["median"] < steady[phase]["median"]
    table = video_table(results[1])
    assert [row[table.columns.index("lost")] for row in table.rows] == [5, 5]


def test_the_table_tells_what_is_timed(measured):
    title = video_table(measured(Noisy(0.0))).title
    assert "frames of 640x480" in title
    assert "without reading, decoding and drawing" in title


def test_the_detector_is_timed_as_predict_uses_it(measured, monkeypatch):
    searches = []

    class Searching:
        def __init__(self, least_face):
            self.least_face = least_face

        def detect(self, image, frame, profile):
            searches.append((self.least_face, frame, profile))

    monkeypatch.setattr(video_benchmark, "HaarDetector", Searching)
    measured(Noisy(0.0))
    assert searches == [(LEAST_FACE_IN_VIDEO, frame, False) for frame in (0, 10, 20, 30)]


def test_nothing_to_follow_is_refused(monkeypatch):
    with pytest.raises(ConfigError, match="expected a network, a clip and a round but found 0"):
        video([])
    monkeypatch.setattr(video_benchmark, "load_onnx", lambda path, threads: Noisy(0.0))
    with pytest.raises(ConfigError, match="expected networks of 68 points, as generated faces have, but found 5"):
        video(["a.onnx"])
