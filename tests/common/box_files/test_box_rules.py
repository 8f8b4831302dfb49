"""Categories and boxes that do not fit, alike for every reader."""

import numpy as np
import pytest
from box_sets import coco, write_coco_set, write_table_set, write_voc_set

from common.box_files import read_coco, read_table, read_voc
from common.errors import ConfigError, DataError

READERS = {
    "coco": lambda folder, **rules: read_coco(write_coco_set(folder), folder, **rules),
    "voc": lambda folder, **rules: read_voc(write_voc_set(folder), "train", **rules),
    "table": lambda folder, **rules: read_table(write_table_set(folder), folder, **rules),
}


@pytest.fixture(params=sorted(READERS))
def read(request, tmp_path):
    return lambda **rules: READERS[request.param](tmp_path, **rules)


def read_box(folder, box, **rules):
    """The boxes of a picture of 40x30 that a COCO file says to have one box x, y, width, height."""
    content = coco()
    content["annotations"] = [{**content["annotations"][0], "bbox": box}]
    return read_coco(write_coco_set(folder, content), folder, **rules).images[0].boxes.tolist()


def test_classes_have_the_order_asked_for(read):
    found = read(classes=("dog", "cat"))
    assert found.classes == ("dog", "cat")
    assert found.images[0].labels.tolist() == [1, 0]


def test_category_that_is_no_class_is_refused_by_name_and_place(read):
    with pytest.raises(
        DataError,
        match=r"one of the classes 'cats'.* found 'cat' of (annotation 10|object 1|line 2) of .*did you mean 'cats'\?",
    ):
        read(classes=("cats", "dog"), rename={})


def test_boxes_of_other_categories_are_left_out_on_demand_and_counted(read, logged):
    found = read(classes=("cat",), unknown="drop")
    assert [len(image.boxes) for image in found.images] == [1, 0, 0]
    assert any("1 boxes in 3 pictures; 2 left out, of other categories" in line for line in logged)


def test_names_are_mapped_to_classes(read):
    found = read(classes=("pet",), rename={"cat": "pet", "dog": "pet"})
    assert found.counts() == {"pet": 2}
    assert read_classes(found) == [0, 0, 0]


def read_classes(found):
    return [label for image in found.images for label in image.labels.tolist()]


def test_renamed_categories_are_the_classes_where_none_are_given(read):
    assert read(rename={"dog": "hound"}).classes == ("cat", "hound")


def test_set_without_a_box_of_the_classes_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"boxes of the classes 'bird' but found only 'cat', 'dog' in .*train\.txt"):
        READERS["voc"](tmp_path, classes=("bird",), unknown="drop")


def test_class_that_a_file_lists_no_category_for_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none for 'dogs' in .*labels\.json, .*did you mean 'dog'\?"):
        READERS["coco"](tmp_path, classes=("cat", "dogs"), unknown="drop")


def test_class_without_a_box_is_told(tmp_path, logged):
    READERS["voc"](tmp_path, classes=("cat", "dog", "bird"))
    assert any("no box of 'bird'" in line for line in logged)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"classes": "cat"}, r"classes=\('car', ...\) but found 'cat'"),
        ({"classes": ()}, "but found "),
        ({"classes": ("cat", 3)}, "but found "),
        ({"classes": ("cat", "cat")}, "each class once but found 'cat' again"),
        ({"classes": ("cat", "dog"), "rename": {"hound": "dogg"}}, "'hound': 'dogg'; did you mean 'dog'"),
        ({"rename": ["dog"]}, "rename={name in the file: class}"),
        ({"unknown": "keep"}, "unknown 'refuse' or 'drop' but found 'keep'"),
        ({"outside": "drop"}, "outside 'refuse' or 'clip' but found 'drop'"),
        ({"empty": "clip"}, "empty 'refuse' or 'drop' but found 'clip'"),
    ],
)
def test_rules_that_are_none_are_refused(read, rules, message):
    with pytest.raises(ConfigError, match=message):
        read(**rules)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([-1, 5, 10, 8], [0, 5, 9, 13]),  # a pixel too far to the left
        ([4, -0.5, 10, 8], [4, 0, 14, 7.5]),
        ([31, 23, 10, 8], [31, 23, 40, 30]),  # a pixel too far to the right and below
        ([0, 0, 40, 30], [0, 0, 40, 30]),
    ],
)
def test_box_that_leaves_by_up_to_a_pixel_is_clipped(tmp_path, logged, box, expected):
    assert read_box(tmp_path, box) == [expected]
    assert not any("clipped" in line for line in logged)


def test_box_that_leaves_further_is_clipped_on_demand_and_counted(tmp_path, logged):
    assert read_box(tmp_path, [-6, 5, 10, 40], outside="clip") == [[0, 5, 4, 30]]
    assert any("1 boxes in 3 pictures; 1 clipped" in line for line in logged)


def test_box_wholly_outside_has_no_part_to_keep(tmp_path, logged):
    with pytest.raises(
        DataError, match=r"a part in the picture of 40x30 but found \(50, 5\) to \(60, 13\) of annotation"
    ):
        read_box(tmp_path, [50, 5, 10, 8], outside="clip")
    assert read_box(tmp_path, [50, 5, 10, 8], outside="clip", empty="drop") == []
    assert any("1 left out, without area" in line for line in logged)


@pytest.mark.parametrize("box", [[3, 5, 0, 8], [3, 5, 4, 0], [3, 5, -4, 8]])
def test_boxes_without_area_are_left_out_on_demand(tmp_path, box):
    assert read_box(tmp_path, box, empty="drop") == []


def test_ids_and_flags_stay_with_their_boxes_where_others_are_left_out(tmp_path):
    content = coco()
    content["annotations"][0]["bbox"] = [3, 5, 0, 8]
    content["annotations"][1]["iscrowd"] = 1
    image = read_coco(write_coco_set(tmp_path, content), tmp_path, empty="drop").images[0]
    assert image.ids == (11,)
    assert image.labels.tolist() == [1]
    assert image.ignored.tolist() == [True]


def test_subset_keeps_classes_and_ids(tmp_path):
    some = READERS["coco"](tmp_path).subset(np.array([2, 0]))
    assert some.classes == ("cat", "dog")
    assert some.image_ids == [3, 1]
    assert [image.name for image in some.images] == ["3", "1"]
