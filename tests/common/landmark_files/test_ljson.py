"""LJSON in the three versions of menpo."""

import json

import numpy as np
import pytest
from landmark_sets import points, write_face, write_image, write_scheme_of_three

from common.errors import DataError
from common.landmark_files import read_folder, read_ljson

THREE = points(3)
PAIRS = [[float(y), float(x)] for x, y in THREE]
V1 = {
    "version": 1,
    "groups": [
        {"label": "eyes", "connectivity": [[0, 1]], "landmarks": [{"point": PAIRS[0]}, {"point": PAIRS[1]}]},
        {"label": "nose", "landmarks": [{"point": PAIRS[2]}]},
    ],
}
V2 = {
    "version": 2,
    "landmarks": {"points": PAIRS, "connectivity": [[0, 1]]},
    "labels": [{"label": "eyes", "mask": [0, 1]}, {"label": "nose", "mask": [2]}],
}
V3 = {"version": 3, "groups": {"PTS": {"landmarks": {"points": PAIRS}, "labels": []}}}
TWO_GROUPS = {"version": 3, "groups": {**V3["groups"], "pupils": {"landmarks": {"points": PAIRS[:2]}, "labels": []}}}


def stored(tmp_path, content):
    path = tmp_path / "face.ljson"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("content", [V1, V2, V3], ids=["1", "2", "3"])
def test_every_version_gives_the_points_with_x_before_y(tmp_path, content):
    found = read_ljson(stored(tmp_path, content), 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, THREE, atol=1e-5)


def test_of_several_groups_the_one_of_the_wanted_number_is_taken(tmp_path):
    path = stored(tmp_path, TWO_GROUPS)
    assert len(read_ljson(path, 2)) == 2
    with pytest.raises(DataError, match=r"one group of points but found 3 in 'PTS', 2 in 'pupils' in .*face\.ljson"):
        read_ljson(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected JSON in"),
        ([], "version 1, 2 or 3 but found version None"),
        ({"version": 4}, "version 1, 2 or 3 but found version 4"),
        ({"version": 2}, "found another layout in .*: KeyError 'landmarks'"),
        ({"version": 3, "groups": []}, "found another layout in .*: AttributeError"),
        ({"version": 1, "groups": 3}, "found another layout in .*: TypeError"),
        ({"version": 2, "landmarks": {"points": PAIRS[:2]}}, "one group of 3 points but found 2 in 'all'"),
        ({"version": 2, "landmarks": {"points": [*PAIRS[:2], [None, None]]}}, "found none for point 2"),
        ({"version": 2, "landmarks": {"points": [*PAIRS[:2], None]}}, "found none for point 2"),
        ({"version": 2, "landmarks": {"points": [*PAIRS[:2], [1, 2, 3]]}}, r"\[y, x\] for point 2 .* but found \[1, 2"),
        ({"version": 2, "landmarks": {"points": [*PAIRS[:2], [1, "2"]]}}, r"\[y, x\] for point 2"),
        ({"version": 2, "landmarks": {"points": [*PAIRS[:2], [float("nan"), 2]]}}, r"\[y, x\] for point 2"),
    ],
)
def test_what_is_malformed_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_ljson(stored(tmp_path, content), 3)


def test_a_file_without_points_and_one_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected points but found none"):
        read_ljson(stored(tmp_path, {"version": 2, "landmarks": {"points": []}}))
    with pytest.raises(DataError, match=r"an LJSON file at .*none\.ljson"):
        read_ljson(tmp_path / "none.ljson")


def test_a_folder_may_have_ljson_in_place_of_pts(tmp_path):
    write_scheme_of_three(tmp_path / "scheme.json")
    write_face(tmp_path, "a", THREE + 1)
    write_image(tmp_path / "b.png")
    (tmp_path / "b.ljson").write_text(json.dumps(V2))
    first, second = read_folder(tmp_path)
    np.testing.assert_allclose(first.points, THREE + 1, atol=1e-5)
    np.testing.assert_allclose(second.points, THREE, atol=1e-5)
    (tmp_path / "a.ljson").write_text(json.dumps(V2))
    with pytest.raises(DataError, match=r"one file for each face but found a\.ljson and a\.pts"):
        read_folder(tmp_path)
