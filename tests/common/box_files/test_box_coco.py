"""COCO's JSON of boxes: what is read, what is refused, and what is written."""

import json

import numpy as np
import pytest
from box_sets import check_small_set, coco, picture, write_coco_set
from PIL import Image

from common.box_files import BoxSet, LabelledImage, read_coco, write_coco
from common.errors import DataError


@pytest.fixture
def content():
    return coco()


def read(folder, content=None, **rules):
    return read_coco(write_coco_set(folder, content), folder, **rules)


def test_boxes_crowds_and_empty_pictures_are_read(tmp_path):
    found = read(tmp_path)
    check_small_set(found)
    assert found.image_ids == [1, 2, 3]
    assert [image.ids for image in found.images] == [(10, 11), (12,), ()]
    assert [image.name for image in found.images] == ["1", "2", "3"]


def test_labels_follow_the_ids_of_categories_not_their_order(tmp_path, content):
    content["categories"] = [{"id": 9, "name": "cat"}, {"id": 2, "name": "dog"}]
    content["annotations"][0]["category_id"] = 9
    found = read(tmp_path, content)
    assert found.classes == ("dog", "cat")
    assert found.images[0].labels.tolist() == [1, 0]


def test_group_of_categories_without_boxes_need_not_be_a_class(tmp_path, content):
    content["categories"].insert(0, {"id": 0, "name": "animals"})
    check_small_set(read(tmp_path, content, classes=("cat", "dog")))


def test_annotation_marked_ignore_is_ignored(tmp_path, content):
    content["annotations"][0]["ignore"] = 1
    assert read(tmp_path, content).images[0].ignored.tolist() == [True, False]


def test_areas_are_those_of_the_outlines(tmp_path):
    first, second, third = read(tmp_path).images
    assert first.areas.dtype == np.float64
    assert (first.areas.tolist(), second.areas.tolist(), third.areas) == ([60.5, 300], [900], None)
    assert read(tmp_path).subset([1]).images[0].areas.tolist() == [900]


def test_areas_stay_with_their_boxes_where_others_are_dropped_and_clipped(tmp_path, content):
    content["annotations"][0]["bbox"] = [4, 5, 0, 8]
    content["annotations"][1]["bbox"] = [20, 10, 25, 20]
    (image, *_) = read(tmp_path, content, empty="drop", outside="clip").images
    assert (image.boxes.tolist(), image.areas.tolist()) == ([[20, 10, 40, 30]], [300])
    content["annotations"][0]["bbox"] = [4, 5, 10, 8]
    (image, *_) = read(tmp_path, content, classes=["dog"], unknown="drop", outside="clip").images
    assert image.areas.tolist() == [300]


@pytest.mark.parametrize("area", [0, 0.0, None])
def test_a_picture_has_no_areas_where_one_of_a_box_is_not_told(tmp_path, content, area):
    content["annotations"][1]["area"] = area
    first, second, _ = read(tmp_path, content).images
    assert first.areas is None
    assert second.areas.tolist() == [900]


def test_size_that_is_not_told_is_that_of_the_upright_picture(tmp_path, content):
    for image in content["images"]:
        del image["width"], image["height"]
    path = write_coco_set(tmp_path, content)
    turned = Image.new("RGB", (30, 40))  # stored on its side, with EXIF orientation 6
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "1.png", exif=exif)
    check_small_set(read_coco(path, tmp_path))


def test_pictures_of_one_stem_keep_their_endings_in_their_names(tmp_path, content):
    content["images"][1]["file_name"] = "1.jpg"
    picture(tmp_path / "1.jpg")
    assert [image.name for image in read(tmp_path, content).images] == ["1.png", "1.jpg", "3"]


def test_pictures_may_be_in_folders(tmp_path, content):
    content["images"][0]["file_name"] = "berlin/x.1.png"
    picture(tmp_path / "berlin" / "x.1.png")
    assert read(tmp_path, content).images[0].name == "berlin/x.1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"bbox": [30, 5, 12, 8]},
            r"inside of the picture of 40x30 but found \(30, 5\) to \(42, 13\) of annotation 11 of",
        ),
        ({"bbox": [-5, 5, 12, 8]}, r"found \(-5, 5\) to \(7, 13\) of annotation 11 .*outside='clip'"),
        ({"bbox": [50, 5, 12, 8]}, r"inside of the picture .* annotation 11"),
        (
            {"bbox": [3, 5, 0, 8]},
            r"some width and height but found \(3, 5\) to \(3, 13\) of annotation 11 .*empty='drop'",
        ),
        ({"bbox": [3, 5, 4, -8]}, r"some width and height .* annotation 11"),
        ({"bbox": [3, 5, 4]}, r"four numbers .* but found \[3, 5, 4\] of annotation 11"),
        ({"bbox": ["3", 5, 4, 6]}, r"four numbers .* of annotation 11"),
        ({"bbox": [3, 5, True, 6]}, r"four numbers .* of annotation 11"),
        ({"bbox": [3, 5, float("nan"), 6]}, r"four numbers .* of annotation 11"),
        (
            {"area": -3},
            r"area in square pixels but found -3 of annotation 11 of .*labels\.json; correct it or leave it",
        ),
        ({"area": "9"}, r"area in square pixels but found '9' of annotation 11"),
        ({"area": float("nan")}, r"area in square pixels but found nan of annotation 11"),
        ({"bbox": None}, r"four numbers .* but found None of annotation 11"),
        (
            {"category_id": 7},
            r"category_id to be one of the 2 in the file but found 7 of annotation 11 of .*labels\.json",
        ),
        ({"category_id": "2"}, r"category_id .* found '2' of annotation 11"),
        ({"image_id": 9}, r"image_id to be one of the 3 in the file but found 9 of annotation 11"),
        ({"id": 10}, r"each annotation id once but found 10 again in .*labels\.json"),
        ({"id": "a"}, r"a whole number as id for annotation 1 \(from 0\)"),
    ],
)
def test_malformed_annotation_is_refused_and_named(tmp_path, content, changes, message):
    content["annotations"][1].update(changes)
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": 1}, "each image id once but found 1 again"),
        ({"file_name": "1.png"}, r"each picture once but found '1\.png' again in .*labels\.json"),
        ({"file_name": "9.png"}, r"1 of 3 are not there; the first is .*9\.png"),
        ({"file_name": 5}, "a text as file_name of image 2 of .* but found 5"),
        ({"width": 0}, "width and height in whole pixels of image 2 .* found 0 and 30"),
        ({"width": "40"}, "whole pixels of image 2 .* found '40' and 30"),
        ({"width": 40.5}, r"whole pixels of image 2 .* found 40\.5 and 30"),
        ({"width": None}, "whole pixels of image 2 .* found None and 30"),
    ],
)
def test_malformed_image_is_refused_and_named(tmp_path, content, changes, message):
    content["images"][1].update(changes)
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_missing_picture_is_named_where_its_size_is_not_told(tmp_path, content):
    content["images"][1] = {"id": 2, "file_name": "9.png"}
    with pytest.raises(DataError, match=r"picture .*9\.png of image 2 of .*labels\.json but found no such file"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}], "each category id once but found 1 again"),
        ([{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}], "names of their own but found 'cat' again"),
        ([{"id": 1, "name": "cat"}, {"id": 2}], "a text as name of category 2 .* found None"),
    ],
)
def test_malformed_category_is_refused(tmp_path, content, categories, message):
    content["categories"] = categories
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"JSON in .*labels\.json"),
        ('{"images": [', r"JSON in .*labels\.json"),
        ("[]", "found no images in"),
        ('{"images": [], "annotations": {}}', "found no annotations in"),
        ('{"images": [], "annotations": []}', "found no categories in"),
        ('{"images": [], "annotations": [], "categories": []}', r"pictures but found none in .*labels\.json"),
        ('{"images": [1], "annotations": [], "categories": []}', r"whole number as id for image 0"),
    ],
)
def test_file_that_is_no_coco_file_is_refused(tmp_path, text, message):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_coco(tmp_path / "labels.json", tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a COCO file at .*none\.json"):
        read_coco(tmp_path / "none.json", tmp_path)


def test_what_is_written_is_read_as_it_was(tmp_path):
    found = read(tmp_path)
    write_coco(tmp_path / "again.json", found, tmp_path)
    again = read_coco(tmp_path / "again.json", tmp_path)
    check_small_set(again)
    assert again.image_ids == found.image_ids
    written = json.loads((tmp_path / "again.json").read_text())
    assert [entry["id"] for entry in written["annotations"]] == [1, 2, 3]
    assert [entry["area"] for entry in written["annotations"]] == [60.5, 300, 900]
    assert [entry["bbox"] for entry in written["annotations"]] == [[4, 5, 10, 8], [20, 10, 20, 20], [0, 0, 40, 30]]


def test_boxes_without_an_outline_are_written_with_their_own_area(tmp_path, content):
    for annotation in content["annotations"]:
        del annotation["area"]
    write_coco(tmp_path / "again.json", read(tmp_path, content), tmp_path)
    written = json.loads((tmp_path / "again.json").read_text())
    assert [entry["area"] for entry in written["annotations"]] == [80, 400, 1200]


def test_coco_api_reads_what_is_written(tmp_path):
    from pycocotools.coco import COCO

    write_coco(tmp_path / "again.json", read(tmp_path), tmp_path)
    api = COCO(str(tmp_path / "again.json"))
    assert [entry["bbox"] for entry in api.loadAnns(api.getAnnIds(imgIds=[1]))] == [[4, 5, 10, 8], [20, 10, 20, 20]]
    assert api.getAnnIds(imgIds=[2], iscrowd=True) == [3]
    assert [entry["name"] for entry in api.loadCats(api.getCatIds())] == ["cat", "dog"]


def test_picture_outside_of_the_folder_is_not_written(tmp_path):
    none = np.zeros(0)
    image = LabelledImage(tmp_path / "a.png", "a", 4, 4, none.reshape(0, 4), none, none.astype(bool), ())
    with pytest.raises(DataError, match=r"pictures below .*inner but found .*a\.png"):
        write_coco(tmp_path / "labels.json", BoxSet(("cat",), [image]), tmp_path / "inner")
    assert list(tmp_path.iterdir()) == []
