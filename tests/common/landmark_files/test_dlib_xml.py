"""XML as dlib's imglab writes it."""

import numpy as np
import pytest
from landmark_sets import write_image

from common.errors import DataError
from common.landmark_files import read_dlib

HEAD = """<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset>
<name>imglab dataset</name>
<comment>Created by imglab tool.</comment>
<images>
"""
TAIL = "</images>\n</dataset>"
PARTS = (("2", 20, 16), ("0", 8, 9), ("1", 19, 10))


def box(parts=PARTS, **told):
    """A box of 24 x 20 pixels from (4, 5) on."""
    told = {"top": 5, "left": 4, "width": 24, "height": 20, **told}
    lines = "".join(f"      <part name='{name}' x='{x}' y='{y}'/>\n" for name, x, y in parts)
    given = " ".join(f"{key}='{value}'" for key, value in told.items())
    return f"    <box {given}>\n      <label>face</label>\n{lines}    </box>\n"


def image(*boxes, file="photos/1.png"):
    return f"  <image file='{file}' width='40' height='30'>\n{''.join(boxes)}  </image>\n"


def read(tmp_path, *images, **options):
    """Reads an XML file of such images, which lie beside it."""
    (tmp_path / "faces.xml").write_text(HEAD + "".join(images) + TAIL, encoding="latin-1")
    for number in (1, 2):
        write_image(tmp_path / "photos" / f"{number}.png")
    return read_dlib(tmp_path / "faces.xml", **options)


def test_points_stand_in_the_order_of_their_numbers_and_boxes_end_at_their_last_pixel(tmp_path):
    (face,) = read(tmp_path, image(box()))
    assert face.points.tolist() == [[8, 9], [19, 10], [20, 16]]
    assert face.points.dtype == np.float32
    assert face.box.tolist() == [4, 5, 27, 24]
    assert face.visible.all()
    assert face.image == tmp_path / "photos" / "1.png"
    assert face.name == "photos/1"


@pytest.mark.parametrize(
    ("names", "order"),
    [(("10", "9", "2"), (2, 1, 0)), (("nose", "eye_r", "eye_l"), (2, 1, 0)), (("b", "10", "9"), (1, 2, 0))],
)
def test_names_are_ordered_by_number_or_else_by_the_alphabet(tmp_path, names, order):
    (face,) = read(tmp_path, image(box([(name, place, 0) for place, name in enumerate(names)])))
    assert face.points[:, 0].tolist() == list(order)


def test_marks_are_attributes_and_boxes_of_one_image_are_numbered(tmp_path):
    faces = read(tmp_path, image(box(), box(occluded=1)), image(box(difficult=0), file="photos/2.png"))
    assert [face.name for face in faces] == ["photos/1_1", "photos/1_2", "photos/2"]
    assert [face.attributes for face in faces] == [{"occluded": False}, {"occluded": True}, {"occluded": False}]


def test_what_is_no_whole_face_is_left_out_and_counted(tmp_path, logged):
    boxes = box(), box(ignore=1), box(PARTS[:2]), "    <box top='1' left='1' width='9' height='9'/>\n"
    assert len(read(tmp_path, image(*boxes))) == 1
    (line,) = logged
    assert "1 faces; left out 1 to be ignored, 1 without parts, 1 without some of the parts" in line


def test_images_may_lie_elsewhere_and_pixels_count_from_one(tmp_path):
    (face,) = read(tmp_path, image(box(), file="1.png"), image_root=tmp_path / "photos", first_pixel=1)
    assert face.image == tmp_path / "photos" / "1.png"
    assert face.points[0].tolist() == [7, 8]
    assert face.box.tolist() == [3, 4, 26, 23]


def test_a_missing_image_is_named_or_left_out(tmp_path):
    images = image(box()), image(box(), file="photos/lost.png")
    with pytest.raises(DataError, match=r"1 of 2 have none; the first is .*lost\.png"):
        read(tmp_path, *images)
    assert [face.name for face in read(tmp_path, *images, skip_incomplete=True)] == ["photos/1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (image(box(width=0)), r"some width and height but found 0 x 20 in .*faces\.xml \(box 1 of photos/1\.png\)"),
        (image(box(top="x")), "a finite number but found 'x'"),
        (image(box([*PARTS, ("1", 3, 3)])), r"names of their own but found '1' in .*box 1 of photos/1\.png"),
        (image(box([("0", 3, "nan")])), "a finite number but found 'nan'"),
        (image(box()).replace(" x='20'", ""), "an attribute x of <part> but found none in part '2' of"),
        (image(box()).replace(" left='4'", ""), "an attribute left of <box> but found none"),
        (image(box()).replace(" file='photos/1.png'", ""), "an attribute file of each image"),
        (image(box([])), "boxes with parts but found none"),
        (image(box(PARTS[:1]), box(PARTS[1:])), "boxes with all parts but found none"),
        (image(box()).replace("</image>", ""), "expected XML but found: mismatched tag"),
    ],
)
def test_what_is_malformed_is_named(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_another_number_of_points_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"expected 68 points but found parts of 3 names in .*: 0, 1, 2"):
        read(tmp_path, image(box()), num_points=68)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE d [<!ENTITY a 'aa'>]><dataset/>", "found a document type"),
        ("<html/>", "expected <dataset>, as imglab writes it, but found <html>"),
        ("no xml", "expected XML but found: syntax error"),
        ("", "expected XML but found: no element found"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, text, message):
    (tmp_path / "faces.xml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_dlib(tmp_path / "faces.xml")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"XML file of imglab at .*none\.xml but found: No such file"):
        read_dlib(tmp_path / "none.xml")
