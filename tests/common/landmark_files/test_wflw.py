import numpy as np
import pytest
from landmark_sets import points, wflw_line, write_wflw

from common.errors import ConfigError, DataError
from common.landmark_files import read_wflw

LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"


@pytest.fixture
def root(tmp_path):
    return write_wflw(tmp_path)


def change(root, line, text):
    """Replace a line of the list, counted from 1."""
    lines = (root / LIST).read_text().splitlines(keepends=True)
    lines[line - 1] = text
    (root / LIST).write_text("".join(lines))


def test_fields_are_points_box_attributes_and_image(root):
    faces = read_wflw(root, "test")
    assert len(faces) == 3
    np.testing.assert_allclose(faces[1].points, points(98, 1), atol=1e-5)
    assert faces[1].box.tolist() == [5, 6, 25, 26]
    assert faces[1].image == root / "WFLW_images" / "37--Soccer" / "two.jpg"
    assert faces[1].visible.all()


def test_attributes_are_in_the_order_of_the_set(root):
    attributes = [face.attributes for face in read_wflw(root, "test")]
    assert list(attributes[0]) == ["pose", "expression", "illumination", "make-up", "occlusion", "blur"]
    assert [[name for name, value in each.items() if value] for each in attributes] == [
        [],
        ["occlusion"],
        ["pose", "blur"],
    ]


def test_faces_of_one_image_have_names_of_their_own(root):
    assert [face.name for face in read_wflw(root, "test")] == [
        "0--Parade/one_1",
        "37--Soccer/two_2",
        "37--Soccer/two_3",
    ]


def test_training_part_is_in_another_list(root):
    write_wflw(root, "train")
    assert len(read_wflw(root, "train")) == 3


@pytest.mark.parametrize(("part", "count"), [("train", 7500), ("test", 2500)])
def test_other_number_of_faces_than_published_is_told(tmp_path, logged, part, count):
    read_wflw(write_wflw(tmp_path, part), part)
    assert f"{count} in list_98pt_rect_attr_{part}.txt but found 3" in logged[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (wflw_line(points(97)), r"207 fields but found 205 in .*line 2"),
        (wflw_line(points(98)).replace("\n", " more\n"), r"207 fields but found 208 in .*line 2"),
        (wflw_line(points(98), "000200"), r"0 or 1 for pose.* found \['0', '0', '0', '2', '0', '0'\] in .*line 2"),
        ("x" + wflw_line(points(98)), r"finite number but found 'x.*' \(number 1 of 206\) in .*line 2"),
        (wflw_line(points(98) * np.nan), r"finite number but found 'nan' \(number 1 of 206\) in .*line 2"),
    ],
)
def test_malformed_line_is_refused_and_named(root, text, message):
    change(root, 2, text)
    with pytest.raises(DataError, match=message) as error:
        read_wflw(root, "test")
    assert "list_98pt_rect_attr_test.txt" in str(error.value)


def test_missing_images_are_refused_and_counted(root):
    (root / "WFLW_images" / "37--Soccer" / "two.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 3 have none; the first is .*37--Soccer/two\.jpg"):
        read_wflw(root, "test")


def test_faces_without_image_are_left_out_and_told_on_demand(root, logged):
    (root / "WFLW_images" / "37--Soccer" / "two.jpg").unlink()
    assert len(read_wflw(root, "test", skip_incomplete=True)) == 1
    assert "left out 2 of 3 faces" in logged[-1]


def test_set_without_any_image_is_refused_in_any_case(root):
    (root / "WFLW_images").rename(root / "pictures")
    with pytest.raises(DataError, match="3 of 3 have none"):
        read_wflw(root, "test", skip_incomplete=True)


def test_missing_and_empty_lists_are_refused(root):
    (root / LIST).write_text("\n")
    with pytest.raises(DataError, match=r"207 fields but found none in .*attr_test\.txt"):
        read_wflw(root, "test")
    with pytest.raises(DataError, match=r"list of WFLW at .*attr_train\.txt but found: No such file"):
        read_wflw(root, "train")


def test_other_part_is_refused(root):
    with pytest.raises(ConfigError, match="'train', 'test' of WFLW but found 'val'"):
        read_wflw(root, "val")
