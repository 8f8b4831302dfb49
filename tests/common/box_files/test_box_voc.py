"""VOC's folders: what is read, what is refused, and what is written."""

import numpy as np
import pytest
from box_sets import check_small_set, picture, voc_annotation, voc_object, write_voc_set

from common.box_files import read_voc, write_voc
from common.errors import DataError


@pytest.fixture
def root(tmp_path):
    return write_voc_set(tmp_path / "set")


def test_corners_are_counted_from_one_and_inclusive(root):
    """xmin 5 is the fifth pixel, so it begins at 4; xmax 14 is the fourteenth, which ends at 14."""
    found = read_voc(root, "train")
    check_small_set(found)
    assert [image.name for image in found.images] == ["a", "b", "c"]
    assert found.image_ids == [1, 2, 3]
    assert found.images[0].ids == (1, 2)


def test_real_blood_cells_are_read_whole(shared_data):
    """Numbers of <object> in the files, counted with grep; two of them are a single pixel."""
    counts = {"train": (205, 209, 2382, 214), "val": (87, 83, 968, 87), "test": (48, 45, 568, 46)}
    for part, (images, platelets, red, white) in counts.items():
        found = read_voc(shared_data / "bccd", part, ("RBC", "WBC", "Platelets"))
        assert len(found.images) == images
        assert found.counts() == {"RBC": red, "WBC": white, "Platelets": platelets}
        for image in found.images:
            assert (image.width, image.height) == (640, 480)
            assert (image.boxes >= 0).all()
            assert (image.boxes <= (640, 480, 640, 480)).all()
            assert (image.boxes[:, 2:] > image.boxes[:, :2]).all()


def test_blood_cells_corners_are_those_of_the_file(shared_data):
    """BloodImage_00301's first cell: xmin 278, ymin 196, xmax 366, ymax 291."""
    found = read_voc(shared_data / "bccd", "train", ("RBC", "WBC", "Platelets"))
    image = next(image for image in found.images if image.name == "BloodImage_00301")
    assert image.boxes[0].tolist() == [277, 195, 366, 291]


def test_labels_counted_from_zero_are_clipped(root):
    voc_annotation(root, "a", voc_object(box=(0, 0, 40, 30)))
    assert read_voc(root, "train").images[0].boxes.tolist() == [[0, 0, 40, 30]]


def test_fractions_of_pixels_stay(root):
    voc_annotation(root, "a", voc_object(box=(5.5, 6, 14.25, 13)))
    assert read_voc(root, "train").images[0].boxes.tolist() == [[4.5, 5, 14.25, 13]]


def test_parts_of_an_object_are_no_boxes(root):
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    voc_annotation(root, "a", voc_object().replace("</object>", part + "</object>"))
    assert len(read_voc(root, "train").images[0].boxes) == 1


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_size_that_is_not_told_is_read_from_the_picture(root, size):
    voc_annotation(root, "a", voc_object(), size=size)
    image = read_voc(root, "train").images[0]
    assert (image.width, image.height) == (40, 30)


def test_list_may_have_endings_and_blank_lines_and_pictures_others_than_jpg(root):
    (root / "JPEGImages" / "a.jpg").rename(root / "JPEGImages" / "a.PNG")
    (root / "ImageSets" / "Main" / "train.txt").write_text("\na.jpg\n c \n\n")
    assert [image.file.name for image in read_voc(root, "train").images] == ["a.PNG", "c.jpg"]


def test_names_may_have_dots(root):
    voc_annotation(root, "x.v1", voc_object())
    picture(root / "JPEGImages" / "x.v1.jpg")
    (root / "ImageSets" / "Main" / "train.txt").write_text("x.v1\n")
    assert [image.name for image in read_voc(root, "train").images] == ["x.v1"]


def test_listed_picture_without_annotation_is_refused(root):
    (root / "Annotations" / "b.xml").unlink()
    with pytest.raises(
        DataError, match=r"annotation .*Annotations/b\.xml of .*train\.txt \(line 2\) but found no such file"
    ):
        read_voc(root, "train")


def test_annotation_without_picture_is_refused(root):
    (root / "JPEGImages" / "b.jpg").unlink()
    with pytest.raises(DataError, match=r"picture .*JPEGImages/b\.jpg of .*b\.xml but found none"):
        read_voc(root, "train")


def test_name_that_is_listed_twice_is_refused(root):
    (root / "ImageSets" / "Main" / "train.txt").write_text("a\nb\na\n")
    with pytest.raises(DataError, match=r"each name once but found 'a' again in .*train\.txt \(line 3\)"):
        read_voc(root, "train")


def test_missing_list_names_those_that_are_there(root):
    with pytest.raises(DataError, match=r"list .*val\.txt but found no such file; there are train"):
        read_voc(root, "val")
    with pytest.raises(DataError, match="did you mean 'train'"):
        read_voc(root, "trainn")


def test_folder_above_the_set_points_to_it(root):
    with pytest.raises(DataError, match=r"found no JPEGImages in .*; did you mean .*set\?"):
        read_voc(root.parent, "train")
    with pytest.raises(DataError, match=r"VOC's layout but found none at .*nowhere"):
        read_voc(root / "nowhere", "train")


def test_list_without_names_is_refused(root):
    (root / "ImageSets" / "Main" / "train.txt").write_text("\n")
    with pytest.raises(DataError, match=r"pictures but found none in .*train\.txt"):
        read_voc(root, "train")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<name>dog</name>", "", r"a <name> of object 2 of .*a\.xml"),
        ("<xmax>40</xmax>", "", r"found no xmax of object 2 of .*a\.xml"),
        (
            "<xmax>40</xmax>",
            "<xmax>forty</xmax>",
            r"finite number but found 'forty' \(number 3 of 4\) in <bndbox> of object 2",
        ),
        ("<xmax>40</xmax>", "<xmax>nan</xmax>", "found 'nan'"),
        ("<xmax>40</xmax>", "<xmax>42</xmax>", r"inside of the picture of 40x30 .* of object 2 of .*a\.xml"),
        ("<xmax>40</xmax>", "<xmax>20</xmax>", r"some width and height .* of object 2 of .*a\.xml"),
        ("<difficult>0</difficult>", "<difficult>no</difficult>", "<difficult> 0 or 1 of object 1 .* found 'no'"),
        ("<width>40</width>", "<width>wide</width>", r"found 'wide' .* <size> of .*a\.xml"),
        ("<width>40</width>", "", r"<size> of .*a\.xml"),
        ("<width>40</width>", "<width>-40</width>", r"found -40 x 30 in .*a\.xml"),
        ("</annotation>", "", r"XML but found: .*a\.xml"),
        ("annotation>", "labels>", r"<annotation>, as VOC has it, but found <labels> in .*a\.xml"),
        ("<annotation>", "<!DOCTYPE a><annotation>", r"document type in .*a\.xml"),
    ],
)
def test_malformed_annotation_is_refused_and_named(root, old, new, message):
    path = root / "Annotations" / "a.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        read_voc(root, "train")


def test_what_is_written_is_read_as_it_was(root, tmp_path):
    found = read_voc(root, "train")
    found.images[0].boxes[0] = 4.25, 5.5, 14.125, 13
    write_voc(tmp_path / "again", "train", found)
    (tmp_path / "again" / "JPEGImages").symlink_to(root / "JPEGImages")
    again = read_voc(tmp_path / "again", "train")
    for image, other in zip(found.images, again.images, strict=True):
        np.testing.assert_array_equal(image.boxes, other.boxes)
        assert image.ignored.tolist() == other.ignored.tolist()
        assert image.name == other.name
    assert again.images[2].boxes.shape == (0, 4)


def test_boxes_agree_with_those_of_mmdet_but_for_their_last_pixel(root):
    """mmdet takes xmax - 1 for the right edge, where the pixel xmax - 1 (from 0) belongs to the box."""
    from common import mmcv_ops

    mmcv_ops.install()
    from mmdet.datasets import XMLDataset

    theirs = XMLDataset(
        ann_file=str(root / "ImageSets/Main/train.txt"),
        data_prefix={"sub_data_root": str(root)},
        img_subdir=str(root / "JPEGImages"),
        metainfo={"classes": ("cat", "dog")},
    )
    for image, entry in zip(read_voc(root, "train").images, (theirs.get_data_info(i) for i in range(3)), strict=True):
        expected = np.array([found["bbox"] for found in entry["instances"]]).reshape(-1, 4)
        np.testing.assert_array_equal(image.boxes - (0, 0, 1, 1), expected)
        assert image.ignored.tolist() == [bool(found["ignore_flag"]) for found in entry["instances"]]
