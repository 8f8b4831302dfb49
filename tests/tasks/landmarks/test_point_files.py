"""PTS files of a video, which appear together."""

import numpy as np
import pytest
from square_faces import POINTS

from common.errors import DataError
from common.landmark_files import read_pts
from common.video import Frame
from tasks.landmarks.point_files import open_pts
from tasks.landmarks.tracking import TrackedFace


def face(track=0):
    return TrackedFace(track, POINTS, POINTS, 1.0, True)


def frame(number):
    return Frame(number, number / 25, np.zeros((4, 4, 3), np.uint8))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_frames_and_tracks_name_the_files_which_appear_at_the_end(tmp_path):
    with open_pts(tmp_path / "clip") as write:
        write(frame(0), [face()])
        write(frame(12), [face(), face(3)])
        assert not (tmp_path / "clip").exists()
    assert names(tmp_path) == ["clip"]
    assert names(tmp_path / "clip") == ["000000.pts", "000012.pts", "000012_3.pts"]
    np.testing.assert_allclose(read_pts(tmp_path / "clip" / "000012_3.pts"), POINTS)


def test_they_replace_those_of_an_older_video_and_no_other_files(tmp_path):
    for name in ("000001.pts", "000007.pts", "000007_2.pts", "photo.pts", "000001.json"):
        (tmp_path / name).write_text("older")
    with open_pts(tmp_path) as write:
        write(frame(1), [face()])
    assert names(tmp_path) == ["000001.json", "000001.pts", "photo.pts"]
    np.testing.assert_allclose(read_pts(tmp_path / "000001.pts"), POINTS)
    assert (tmp_path / "photo.pts").read_text() == "older"


def test_a_video_without_faces_has_none(tmp_path):
    with open_pts(tmp_path / "clip") as write:
        write(frame(0), [])
    assert names(tmp_path) == []


def test_after_an_error_all_is_as_before(tmp_path):
    older = tmp_path / "clip" / "000001.pts"
    older.parent.mkdir()
    older.write_text("older")

    def interrupted():
        with open_pts(older.parent) as write:
            write(frame(1), [face()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["clip"]
    assert (names(older.parent), older.read_text()) == (["000001.pts"], "older")


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "clip").write_text("a file")
    with (
        pytest.raises(DataError, match=r"expected to write PTS files into .*clip but found"),
        open_pts(tmp_path / "clip") as write,
    ):
        write(frame(1), [face()])
    assert names(tmp_path) == ["clip"]
