import os

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.video import VideoReader, VideoWriter


def grey(level, width=32, height=24):
    return np.full((height, width, 3), level, np.uint8)


def levels(path):
    with VideoReader(path) as reader:
        return [int(frame.image.mean()) for frame in reader]


@pytest.fixture
def clip(tmp_path):
    """A second of 10 frames that become brighter, red."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (32, 24))
    for number in range(10):
        writer.write(np.full((24, 32, 3), (0, 0, 20 * number + 20), np.uint8))
    writer.release()
    return path


class Camera:
    """Stands in for `cv2.VideoCapture`: three frames of a camera that tells no rate."""

    def __init__(self, source):
        self.source, self.left = source, 3

    def isOpened(self):  # noqa: N802
        return self.source == 0

    def get(self, what):
        return -1.0 if what == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def read(self):
        self.left -= 1
        return (True, grey(9)) if self.left >= 0 else (False, None)

    def release(self):
        pass


def test_frames_come_in_rgb_with_their_times(clip):
    with VideoReader(clip) as reader:
        assert (reader.rate, reader.told, reader.live) == (10, 10, False)
        frames = list(reader)
        assert reader.missing(10) is None
        assert "9 of 10 frames could be read" in reader.missing(9)
    assert [frame.number for frame in frames] == list(range(10))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(10) / 10, atol=1e-6)
    red, green, blue = frames[9].image.reshape(-1, 3).mean(axis=0)
    assert red == pytest.approx(200, abs=4)
    assert max(green, blue) < 10


def test_a_cameras_frames_have_the_clocks_times_and_these_always_rise(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    ticks = iter([50.0, 50.2, 50.2])
    with VideoReader("camera:0", clock=lambda: next(ticks)) as reader:
        assert (reader.live, reader.told, reader.rate) == (True, 0, 25)
        assert [frame.seconds for frame in reader] == pytest.approx([0, 0.2, 0.2 + 1 / 25])


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("camera:7", DataError, "expected a camera but found none at camera:7"),
        ("camera:front", ConfigError, "expected camera:0 or another number but found camera:front"),
        ("none.mp4", DataError, "found nothing at none.mp4"),
    ],
)
def test_what_is_not_there_is_named(monkeypatch, source, error, message):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    with pytest.raises(error, match=message):
        VideoReader(source)


def test_a_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"video that OpenCV can read .* at .*text\.mp4"):
        VideoReader(tmp_path / "text.mp4")


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "new" / "out.mp4"
    with VideoWriter(path, 5) as video:
        for level in (40, 120, 200):
            video.write(grey(level))
        assert not path.exists()
    np.testing.assert_allclose(levels(path), [40, 120, 200], atol=3)
    assert os.listdir(path.parent) == ["out.mp4"]
    assert path.stat().st_mode & 0o444 == 0o444


def test_odd_sides_keep_their_last_row_and_column(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 5) as video:
        video.write(grey(100, 33, 25))
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert next(iter(reader)).image.shape == (26, 34, 3)


def test_live_pictures_play_as_fast_as_they_came(tmp_path):
    """At 10 frames a second: one at 0, one at 0.31 that stands for three, and two at 0.4 of which one is dropped."""
    with VideoWriter(tmp_path / "out.mp4", 10) as video:
        for seconds, level in ((0, 20), (0.31, 90), (0.4, 160), (0.42, 230)):
            video.write(grey(level), seconds)
    np.testing.assert_allclose(levels(tmp_path / "out.mp4"), [20, 90, 90, 90, 160], atol=4)


@pytest.mark.parametrize("frames", [0, 2])
def test_nothing_stays_behind_of_a_video_that_failed(tmp_path, frames):
    def fail():
        with VideoWriter(tmp_path / "out.mp4", 5) as video:
            for _ in range(frames):
                video.write(grey(1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(tmp_path) == []


def test_a_video_without_pictures_is_no_file(tmp_path):
    with VideoWriter(tmp_path / "out.mp4", 5):
        pass
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_is_said(tmp_path, monkeypatch):
    class Refusing:
        def __init__(self, *_):
            pass

        def isOpened(self):  # noqa: N802
            return False

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoWriter", Refusing)
    with pytest.raises(DataError, match="write a video of 32x24"), VideoWriter(tmp_path / "out.mp4", 5) as video:
        video.write(grey(1))
    assert os.listdir(tmp_path) == []
