import json

import numpy as np
import pytest
from landmark_sets import coco, points, write_coco

from common.errors import DataError
from common.landmark_files import read_coco


@pytest.fixture
def content():
    return coco(3)


def read(folder, content, **settings):
    return read_coco(write_coco(folder, content), folder, **settings)


def test_points_box_and_visibility_are_read(tmp_path, content):
    face = read(tmp_path, content)[1]
    np.testing.assert_allclose(face.points, points(3, 1), atol=1e-5)
    assert face.visible.tolist() == [False, True, True]  # v of 1, 2, 2
    assert face.box.tolist() == [4, 5, 24, 15]
    assert face.image == tmp_path / "1.png"


def test_file_that_counts_from_one_is_shifted_on_demand(tmp_path, content):
    face = read(tmp_path, content, first_pixel=1)[0]
    np.testing.assert_allclose(face.points, points(3, 0) - 1, atol=1e-5)
    assert face.box.tolist() == [3, 4, 23, 14]


def test_faces_of_one_image_have_names_of_their_own(tmp_path, content):
    content["annotations"][1]["image_id"] = 10
    assert [face.name for face in read(tmp_path, content)] == ["0_100", "0_101", "2_102"]


def test_box_may_be_missing(tmp_path, content):
    del content["annotations"][0]["bbox"]
    assert read(tmp_path, content)[0].box is None


def test_what_is_no_whole_face_is_left_out_and_counted(tmp_path, content, logged):
    content["annotations"] = coco(3)["annotations"] * 2
    for place, annotation in enumerate(content["annotations"]):
        content["annotations"][place] = {**annotation, "id": place}
    content["annotations"][0]["iscrowd"] = 1
    content["annotations"][1]["keypoints"] = [0.0] * 9
    content["annotations"][2].pop("keypoints")
    content["annotations"][3]["num_keypoints"] = 0
    content["annotations"][4]["keypoints"] = [1.0, 1.0, 2, 5.0, 5.0, 2, 0, 0, 0]
    assert [face.name for face in read(tmp_path, content)] == ["2_5"]
    assert len(logged) == 1
    for told in ("1 faces; left out 1 crowds", "2 without key points", "2 with points that have no label"):
        assert told in logged[0]


def test_file_without_a_whole_face_is_refused(tmp_path, content):
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    with pytest.raises(DataError, match=r"all points labelled but found none in .*faces\.json"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keypoints": [1, 1, 2, 3, 3, 2]}, "3 points x, y, v .* but found 6 numbers"),
        ({"keypoints": [1, 1, 2] * 2 + [3, 3]}, "3 points x, y, v .* but found 8 numbers"),
        ({"keypoints": [1, 1, 2] * 2 + [3, 3, 5]}, r"v of 0, 1 or 2 .* found \[.*5\.0.*\]"),
        ({"keypoints": [1, 1, 2] * 2 + ["a", 3, 2]}, "numbers in keypoints"),
        ({"keypoints": [1, 1, 2] * 2 + [float("nan"), 3, 2]}, "finite numbers in keypoints"),
        ({"image_id": 9}, "an image with the id 9"),
        ({"bbox": [1, 2, 3]}, "x, y, width and height"),
        ({"bbox": [1, 2, -3, 4]}, "x, y, width and height"),
    ],
)
def test_malformed_annotation_is_refused_and_named_by_its_id(tmp_path, content, changes, message):
    content["annotations"][1].update(changes)
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, content)
    assert "annotation 101 of " in str(error.value)
    assert "faces.json" in str(error.value)


def test_other_number_of_points_than_expected_is_refused(tmp_path, content):
    with pytest.raises(DataError, match=r"68 points x, y, v in keypoints of annotation 100 .* found 9 numbers"):
        read(tmp_path, content, num_points=68)


def test_annotation_without_id_is_refused(tmp_path, content):
    del content["annotations"][2]["id"]
    with pytest.raises(DataError, match=r"id for annotation 2 \(from 0\)"):
        read(tmp_path, content)


@pytest.mark.parametrize(("key", "value", "message"), [("id", 10, "found 10 again"), ("file_name", None, "image 1")])
def test_malformed_image_entry_is_refused(tmp_path, content, key, value, message):
    path = write_coco(tmp_path, content)
    content["images"][1][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read_coco(path, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSON in"),
        ("[]", "found no images"),
        ('{"images": []}', "found no annotations"),
        ("{}", "found no images"),
    ],
)
def test_file_that_is_not_cocos_is_refused(tmp_path, text, message):
    path = tmp_path / "faces.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as error:
        read_coco(path, tmp_path)
    assert "faces.json" in str(error.value)


def test_missing_images_are_refused_or_left_out(tmp_path, content, logged):
    path = write_coco(tmp_path, content)
    (tmp_path / "1.png").unlink()
    with pytest.raises(DataError, match=r"1 of 3 have none; the first is .*1\.png"):
        read_coco(path, tmp_path)
    assert len(read_coco(path, tmp_path, skip_incomplete=True)) == 2
    assert "left out 1 of 3 faces" in logged[-1]
