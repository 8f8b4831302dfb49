import json
from itertools import pairwise

import cv2
import numpy as np
import pytest

from common.errors import ConfigError
from common.landmark_files import SCHEMES, LandmarkScheme, load_scheme, read_folder, write_scheme

# fmt: off
# A face of COFW in whole pixels, image 1766 of mmpose's examples (tests/data/cofw).
COFW_FACE = np.array([
    (47, 120), (132, 116), (66, 118), (106, 115), (56, 111), (56, 118), (120, 111), (120, 118), (52, 144), (129, 144),
    (73, 146), (108, 143), (63, 136), (61, 148), (120, 137), (120, 147), (65, 143), (120, 143), (65, 184), (104, 184),
    (79, 180), (80, 190), (61, 213), (117, 214), (84, 208), (84, 211), (89, 233), (89, 240), (95, 271),
])
# fmt: on
OWN = {"points": 4, "flip_pairs": [[0, 2]], "ocular": [0, 2]}


def written(folder, **changes):
    path = folder / "own.json"
    path.write_text(json.dumps({**OWN, **changes}))
    return path


@pytest.mark.parametrize(("name", "count"), [("68", 68), ("98", 98), ("29", 29)])
def test_flip_of_a_published_scheme_is_an_involution(name, count):
    flip = np.array(load_scheme(name).flip)
    assert sorted(flip) == list(range(count))
    np.testing.assert_array_equal(flip[flip], np.arange(count))


# Chin, bridge and base of the nose, and the middles of both edges of both lips.
MIDDLE = {
    "68": [8, 27, 28, 29, 30, 33, 51, 57, 62, 66],
    "98": [16, 51, 52, 53, 54, 57, 79, 85, 90, 94],
    "29": [20, 21, 24, 25, 26, 27, 28],
}


@pytest.mark.parametrize("name", list(MIDDLE))
def test_points_in_the_middle_of_the_face_stay_and_no_others(name):
    flip = load_scheme(name).flip
    assert [point for point, other in enumerate(flip) if point == other] == MIDDLE[name]


@pytest.mark.parametrize(("name", "pairs"), [("68", [(36, 45), (0, 16), (48, 54), (31, 35), (17, 26)]),
                                             ("98", [(60, 72), (0, 32), (76, 82), (96, 97), (8, 24), (9, 23)]),
                                             ("29", [(8, 9), (16, 17), (0, 1), (22, 23)])])  # fmt: skip
def test_known_pairs_swap(name, pairs):
    flip = load_scheme(name).flip
    for left, right in pairs:
        assert flip[left] == right


@pytest.mark.parametrize("name", ["68", "98", "29"])
def test_distances_are_between_groups_that_swap(name):
    scheme = load_scheme(name)
    for first, second in (scheme.ocular, scheme.pupil):
        assert sorted(scheme.flip[point] for point in first) == sorted(second)


@pytest.mark.parametrize("name", ["68", "98", "29"])
def test_regions_hold_each_point_once_and_no_line_leads_out_of_one(name):
    scheme = load_scheme(name)
    points = [point for group in scheme.regions.values() for point in group]
    assert sorted(points) == list(range(scheme.num_points))
    for line in scheme.lines:
        assert any(set(line) <= set(group) for group in scheme.regions.values())


@pytest.mark.parametrize("name", ["68", "98", "29"])
def test_lines_and_regions_of_a_mirrored_face_are_its_own(name):
    scheme = load_scheme(name)
    strokes = {frozenset(pair) for line in scheme.lines for pair in pairwise(line)}
    assert {frozenset(scheme.flip[point] for point in stroke) for stroke in strokes} == strokes
    for group in scheme.regions.values():
        assert {scheme.flip[point] for point in group} == set(group)


def test_lines_of_29_points_go_around_what_they_draw():
    """Brows above eyes above the nose and so on; pupils within the eyes, the lips' inner edges within the outer."""
    scheme = load_scheme("29")
    heights = [COFW_FACE[list(scheme.regions[name]), 1].mean() for name in ("brows", "eyes", "nose", "mouth", "chin")]
    assert heights == sorted(heights)
    inside = {(8, 12, 10, 13, 8): [16], (9, 14, 11, 15, 9): [17], (22, 24, 23, 27, 22): [25, 26]}
    assert inside.keys() < set(scheme.lines)
    for line, points in inside.items():
        around = COFW_FACE[list(line)].astype(np.float32)
        assert all(cv2.pointPolygonTest(around, COFW_FACE[point].tolist(), False) == 1 for point in points)
    for line in scheme.lines:  # the second point of each is the upper one of its two middles
        assert COFW_FACE[line[1], 1] < COFW_FACE[line[3], 1]


def test_flip_of_68_points_brings_the_mean_of_real_faces_onto_itself(shared_data):
    scheme = load_scheme("68")
    points = np.stack([face.points for face in read_folder(shared_data / "faces68" / "val", scheme)])
    mean = ((points - points.mean(axis=1, keepdims=True)) / scheme.distance(points)[:, None, None]).mean(axis=0)
    mirrored = (mean * (-1, 1))[list(scheme.flip)]
    # People turn to both sides; in units of the distance of the eyes.
    assert np.linalg.norm(mirrored - mean, axis=1).max() < 0.1


def test_ocular_distance_is_between_the_outer_corners_of_the_eyes():
    points = np.zeros((68, 2))
    points[36], points[45] = (1, 2), (4, 6)
    assert load_scheme("68").distance(points) == 5


def test_pupil_distance_is_between_the_means_of_the_eyes():
    points = np.zeros((2, 68, 2))
    points[0, 36:42, 0] = [0, 1, 2, 3, 4, 5]  # mean 2.5
    points[0, 42:48, 0] = 10
    points[1, 42:48, 1] = 3
    np.testing.assert_allclose(load_scheme("68").distance(points, "pupil"), [7.5, 3])


def test_box_distance_is_the_root_of_the_area_of_the_points():
    points = np.array([[1.0, 1.0], [5.0, 2.0], [3.0, 10.0]])
    assert LandmarkScheme("three", 3, (1, 0, 2), ((0,), (1,))).distance(points, "box") == 6  # of 4 x 9


def test_distance_that_a_scheme_has_not_is_refused(tmp_path):
    scheme = load_scheme(written(tmp_path))
    assert scheme.distances == ("ocular", "box")
    with pytest.raises(ConfigError, match=r"'own' has no distance 'pupil'; there are ocular, box"):
        scheme.distance(np.zeros((4, 2)), "pupil")


@pytest.mark.parametrize("flip", [(1, 2, 0), (0, 0, 2), (0, 1, 3), (0, 1, -1)])
def test_flip_that_is_no_involution_is_refused(flip):
    with pytest.raises(ConfigError, match="its own inverse"):
        LandmarkScheme("bad", 3, flip, ((0,), (1,)))


def test_flip_of_another_number_of_points_is_refused():
    with pytest.raises(ConfigError, match="flip table of 3 points but found 2"):
        LandmarkScheme("bad", 3, (1, 0), ((0,), (1,)))


def test_own_scheme_is_read_from_a_file(tmp_path):
    path = written(tmp_path, pupil=[[0, 1], 2], regions={"eyes": [0, 2]}, lines=[[0, 1, 2]])
    scheme = load_scheme(path)
    assert scheme == LandmarkScheme(
        "own", 4, (2, 1, 0, 3), ((0,), (2,)), ((0, 1), (2,)), {"eyes": (0, 2)}, ((0, 1, 2),)
    )


@pytest.mark.parametrize("name", ["68", "98", "29"])
def test_scheme_is_read_as_it_was_written(tmp_path, name):
    write_scheme(tmp_path / "scheme.json", SCHEMES[name])
    assert load_scheme(tmp_path / "scheme.json") == SCHEMES[name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flip_pairs": [[0, 4]]}, "points 0 to 3 .* found 4"),
        ({"flip_pairs": [[0, 1], [1, 2]]}, "each point once .* found 1 again"),
        ({"flip_pairs": [[0, 1.5]]}, "1.5, which is no whole number"),
        ({"flip_pairs": [[0, 1, 2]]}, "too many values"),
        ({"points": 4.5}, "4.5, which is no whole number"),
        ({"ocular": [0, 9]}, "points 0 to 3 but found 9"),
        ({"ocular": [0, 0]}, "two different points or groups for ocular"),
        ({"ocular": [[], 1]}, "two different points or groups for ocular"),
        ({"ocular": [0]}, "not enough values"),
        ({"regions": [0, 1]}, "pairs and lists of whole numbers"),
        ({"flip_pair": [[0, 1]]}, "unknown key 'flip_pair'.*did you mean 'flip_pairs'"),
    ],
)
def test_own_scheme_that_is_wrong_is_refused_and_named(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message) as error:
        load_scheme(written(tmp_path, **changes))
    assert "own" in str(error.value)


@pytest.mark.parametrize("key", ["points", "flip_pairs", "ocular"])
def test_own_scheme_without_a_key_is_refused(tmp_path, key):
    path = tmp_path / "own.json"
    path.write_text(json.dumps({name: value for name, value in OWN.items() if name != key}))
    with pytest.raises(ConfigError, match=rf"expected '{key}' in .*own\.json"):
        load_scheme(path)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "\x00"])
def test_file_that_is_no_scheme_is_refused(tmp_path, text):
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"own\.json"):
        load_scheme(path)


def test_missing_scheme_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no landmark scheme '86'"):
        load_scheme("86")
    with pytest.raises(ConfigError, match="No such file"):
        load_scheme(tmp_path / "none.json")
