import numpy as np
import pytest
from landmark_sets import points, write_label

from common.errors import DataError
from common.landmark_files import read_pts, write_pts

GOOD = "version: 1\nn_points: 2\n{\n1 1\n11.5 21.25\n}\n"


def written(folder, text):
    path = folder / "face.pts"
    path.write_bytes(text.encode())
    return path


def test_pixels_are_counted_from_one_in_files_and_from_zero_in_memory(tmp_path):
    found = read_pts(written(tmp_path, GOOD))
    np.testing.assert_array_equal(found, np.array([[0, 0], [10.5, 20.25]], np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("version: 1\n", ""),
        GOOD.replace("n_points: 2", "N_POINTS:2"),
        "# by hand\n\n" + GOOD.replace("11.5 21.25", "  11.5\t21.25  // the nose"),
        GOOD.replace("1 1", "+1.0e0 1.").rstrip("\n"),
        "\ufeff" + GOOD.replace("version: 1\n", ""),
    ],
    ids=["line ends", "no version", "no blank", "comments", "forms of numbers", "byte order mark"],
)
def test_other_ways_to_write_the_same_are_read(tmp_path, text):
    np.testing.assert_array_equal(read_pts(written(tmp_path, text), 2), [[0, 0], [10.5, 20.25]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("n_points: 2", "n_points: 3"), r"3 points, as n_points says \(line 2\), but found 2"),
        (GOOD.replace("1 1\n", "1 1\n2 2\n"), r"2 points, as n_points says \(line 2\), but found 3"),
        (GOOD.replace("21.25", "abc"), r"'abc' \(number 2 of 2\) in .*line 5"),
        (GOOD.replace("21.25", "nan"), r"finite number but found 'nan'.*line 5"),
        (GOOD.replace("21.25", "inf"), r"finite number but found 'inf'.*line 5"),
        (GOOD.replace("11.5 ", ""), r"point 'x y' but found '21.25' .*line 5"),
        (GOOD.replace("1 1", "1 1 1"), r"point 'x y' but found '1 1 1' .*line 4"),
        (GOOD.replace("{\n", ""), "one line '{' but found 0"),
        (GOOD.replace("}\n", ""), "one line '}' but found 0"),
        (GOOD + GOOD, "one line '{' but found 2"),
        (GOOD + "3 3\n", r"nothing after '}' but found text in .*line 7"),
        ("n_points: 0\n}\n{\n", "'{' before '}'"),
        (GOOD.replace("n_points: 2\n", ""), "n_points: before '{' but found none"),
        (GOOD.replace("n_points: 2", "n_points: two"), r"whole number after n_points: but found ' two' .*line 2"),
        ("", "one line '{' but found 0"),
        ("\x00\x01\x02", "one line '{' but found 0"),
    ],
)
def test_malformed_file_is_refused_and_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as error:
        read_pts(written(tmp_path, text))
    assert "face.pts" in str(error.value)


def test_other_number_of_points_than_expected_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"n_points: 68 but found 2 in .*face\.pts \(line 2\)"):
        read_pts(written(tmp_path, GOOD), 68)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "face.pts"
    path.write_bytes(b"\xff\xd8\xff\xe0" * 20)
    with pytest.raises(DataError, match=r"face\.pts"):
        read_pts(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"PTS file at .*none\.pts but found: No such file"):
        read_pts(tmp_path / "none.pts")


def test_points_are_read_as_they_were_written(tmp_path):
    expected = points(68) - (10, 0)  # some are outside of the image, at negative x
    write_pts(tmp_path / "deep" / "face.pts", expected)
    np.testing.assert_allclose(read_pts(tmp_path / "deep" / "face.pts", 68), expected, atol=6e-4)


def test_written_file_is_the_layout_of_300w(tmp_path):
    write_pts(tmp_path / "ours.pts", np.array([[0, 0], [9.25, 1]]))
    assert (tmp_path / "ours.pts").read_text() == "version: 1\nn_points: 2\n{\n1.000 1.000\n10.250 2.000\n}\n"
    write_label(tmp_path / "theirs.pts", points(5))
    np.testing.assert_allclose(read_pts(tmp_path / "theirs.pts"), points(5), atol=1e-5)


@pytest.mark.parametrize("bad", [np.array([[1, np.nan]]), np.zeros((3, 3)), np.zeros(4)])
def test_points_that_are_none_are_not_written(tmp_path, bad):
    with pytest.raises(DataError):
        write_pts(tmp_path / "face.pts", bad)
    assert not list(tmp_path.iterdir())
