"""Tables of boxes: what is read and what is refused."""

import pytest
from box_sets import TABLE, check_small_set, write_table_set

from common.box_files import read_table
from common.errors import ConfigError, DataError


def read(folder, text=TABLE, **rules):
    return read_table(write_table_set(folder, text), folder, **rules)


def test_boxes_are_gathered_by_picture_and_empty_cells_are_a_picture_without(tmp_path):
    found = read(tmp_path)
    check_small_set(found)
    assert [image.ids for image in found.images] == [(2, 4), (3,), ()]  # lines
    assert found.image_ids == [1, 2, 3]


def test_columns_have_any_order_and_the_names_of_other_tools(tmp_path):
    text = "class,filename,width,ymax,ymin,xmax,xmin\ncat,1.png,40,13,5,14,4\n"
    (image,) = read(tmp_path, text).images
    assert image.boxes.tolist() == [[4, 5, 14, 13]]


def test_table_that_counts_as_voc_does(tmp_path):
    text = "image,xmin,ymin,xmax,ymax,label\n1.png,5,6,14,13,cat\n"
    assert read(tmp_path, text, first_pixel=1).images[0].boxes.tolist() == [[4, 5, 14, 13]]
    with pytest.raises(ConfigError, match="first_pixel 0 or 1 but found 2"):
        read(tmp_path, text, first_pixel=2)


def test_cells_may_be_quoted(tmp_path):
    text = 'image,xmin,ymin,xmax,ymax,label\n"1.png",4, 5,14,13,"cat, black"\n'
    assert read(tmp_path, text).classes == ("cat, black",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"table of boxes but found no text in .*labels\.csv"),
        ("image,xmin,ymin,xmax,ymax,label\n", r"pictures but found none in .*labels\.csv"),
        ("image,xmin,ymin,xmax,label\n1.png,1,2,3,cat\n", r"the columns .* but found no ymax in .*labels\.csv"),
        ("image,xmin,ymin,xmax,ymax,labels\n1.png,1,2,3,4,cat\n", "found no label in .*did you mean 'labels'"),
        ("1.png,1,2,3,4,cat\n", "a head with the columns image, .* but found no image"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,2,3,4\n", r"6 cells, as in the head, but found 5 in line 2 of"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,x,3,4,cat\n", r"found 'x' \(number 2 of 4\) in .* of line 2 of"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,,3,4,cat\n", r"found '' \(number 2 of 4\)"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,2,3,4,\n", "a label of the box of line 2 of"),
        ("image,xmin,ymin,xmax,ymax,label\n,1,2,3,4,cat\n", "an image of line 2 of"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,2,1,4,cat\n", "some width and height .* of line 2 of"),
        ("image,xmin,ymin,xmax,ymax,label\n1.png,1,2,50,4,cat\n", "inside of the picture of 40x30 .* of line 2 of"),
        (
            "image,xmin,ymin,xmax,ymax,label\n9.png,1,2,3,4,cat\n",
            r"picture .*9\.png of line 2 of .*labels\.csv but found no such file",
        ),
        ("image,xmin,ymin,xmax,ymax,label,difficult\n1.png,1,2,3,4,cat,x\n", "difficult 0 or 1 of line 2 .* found 'x'"),
    ],
)
def test_malformed_table_is_refused_and_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"a table of boxes at .*none\.csv"):
        read_table(tmp_path / "none.csv", tmp_path)
