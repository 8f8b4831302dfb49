import numpy as np
import pytest
from landmark_sets import points, write_image

from common.errors import DataError
from common.landmark_files import read_table

# Two faces of two points: (1, 2), (3, 4.5) and (5, 6), (7, 8).
EXPECTED = [[[1, 2], [3, 4.5]], [[5, 6], [7, 8]]]
UDACITY = ",0,1,2,3\na.jpg,1,2,3,4.5\nb.jpg,5.0,6.0,7.0,8.0\n"
HRNET = (
    "image_name,scale,center_w,center_h,original_0_x,original_0_y,original_1_x,original_1_y\n"
    "a.jpg,0.1,20,15,1,2,3,4.5\n"
    "b.jpg,0.2,20,15,5,6,7,8\n"
)
TORCHLM = "a.jpg 1 2 3 4.5\nb.jpg 5 6 7 8\n"


def written(folder, text, images=("a.jpg", "b.jpg")):
    for image in images:
        write_image(folder / "images" / image)
    path = folder / "faces.csv"
    path.write_bytes(text.encode())
    return path


def read(folder, text, **settings):
    return read_table(written(folder, text), folder / "images", **settings)


@pytest.mark.parametrize(
    "text",
    [
        UDACITY,
        UDACITY.replace("\n", "\r\n"),
        "\ufeff" + UDACITY,
        UDACITY.replace(",0,1,2,3", "file,x0,y0,x1,y1"),
        "name,nose_x,nose_y,chin_x,chin_y" + UDACITY[8:],
        "name,X_1,Y_1,X_2,Y_2" + UDACITY[8:],
        "name,x1,x2,y1,y2\na.jpg,1,3,2,4.5\nb.jpg,5,7,6,8\n",
        "name,y1,x1,y2,x2\na.jpg,2,1,4.5,3\nb.jpg,6,5,8,7\n",
        HRNET,
        TORCHLM,
        TORCHLM.replace(" ", "\t"),
        TORCHLM.replace(" ", ", "),
        "\n" + TORCHLM + "\n",
    ],
)
def test_layouts_are_told_apart(tmp_path, text):
    faces = read(tmp_path, text)
    np.testing.assert_array_equal([face.points for face in faces], EXPECTED)
    assert [face.name for face in faces] == ["a", "b"]
    assert faces[0].image == tmp_path / "images" / "a.jpg"
    assert faces[0].points.dtype == np.float32
    assert faces[0].visible.tolist() == [True, True]


def test_box_of_hrnet_is_200_pixels_at_scale_1(tmp_path):
    boxes = [face.box.tolist() for face in read(tmp_path, HRNET)]
    assert boxes == [[10, 5, 30, 25], [0, -5, 40, 35]]
    assert read(tmp_path, TORCHLM)[0].box is None


def test_table_that_counts_from_one_is_shifted_on_demand(tmp_path):
    face = read(tmp_path, HRNET, first_pixel=1)[0]
    assert face.points.tolist() == [[0, 1], [2, 3.5]]
    assert face.box.tolist() == [9, 4, 29, 24]


def test_faces_of_one_image_have_names_of_their_own(tmp_path):
    faces = read(tmp_path, TORCHLM + "a.jpg 0 0 1 1\n")
    assert [face.name for face in faces] == ["a_1", "b_2", "a_3"]


@pytest.mark.parametrize(("path", "name"), [("in/deep/a.b.jpg", "in/deep/a.b"), ("../images/a.jpg", "images/a")])
def test_name_is_the_path_without_ending_and_leads_nowhere_else(tmp_path, path, name):
    write_image(tmp_path / "images" / path)
    assert read(tmp_path, TORCHLM.replace("a.jpg", path))[0].name == name


def test_absolute_paths_are_read_as_they_are(tmp_path):
    path = tmp_path / "elsewhere" / "a.jpg"
    write_image(path)
    face = read(tmp_path, TORCHLM.replace("a.jpg", str(path)))[0]
    assert face.image == path
    assert not face.name.startswith("/")


def test_68_points_of_a_row_stay_in_their_order(tmp_path):
    expected = points(68)
    row = ",".join(f"{value:.2f}" for value in expected.ravel())
    face = read(tmp_path, f",{','.join(map(str, range(136)))}\na.jpg,{row}\n", num_points=68)[0]
    np.testing.assert_allclose(face.points, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (UDACITY.replace(",4.5", ""), r"5 fields, as in the first line, but found 4 in .*line 2"),
        (TORCHLM + "c.jpg 1 2 3\n", r"5 fields, as in the first line, but found 4 in .*line 3"),
        (UDACITY.replace("4.5", "four"), r"finite number but found 'four' \(number 4 of 4\) in .*line 2"),
        (UDACITY.replace("4.5", ""), r"finite number but found '' .*line 2"),
        (TORCHLM.replace("8", "nan"), r"finite number but found 'nan' .*line 2"),
        (TORCHLM.replace("4.5", "four"), r"finite number but found 'four' .*line 1"),
        ("a.jpg 1 2 3\n", r"two numbers for each point but found 3 in .*line 1"),
        (",0,1,2\na.jpg,1,2,3\n", r"two columns for each point but found 3 in .*line 1"),
        (UDACITY.replace("\na.jpg", "\n"), r"an image in the first field but found none in .*line 2"),
        (HRNET.replace("original_1_y", "original_2_y"), r"x and y of point '1' but found only x in .*line 1"),
        (HRNET.replace("original_1_x", "original_0_x"), r"each column once but found '0_x' again in .*line 1"),
        ("name,nose,chin\na.jpg,1,2\n", r"columns such as x0 and y0.*found 'nose' in .*line 1"),
        ("image_name,scale,center_w,center_h\na.jpg,1,1,1\n", "columns of points but found none"),
        (",0,1,2,3\n", "lines of faces after the head but found none"),
        ("\n\n", "a table of faces but found no text"),
    ],
)
def test_malformed_table_is_refused_and_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, text)
    assert "faces.csv" in str(error.value)


def test_other_number_of_points_than_expected_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"68 points but found columns of 2 in .*faces\.csv"):
        read(tmp_path, UDACITY, num_points=68)


def test_missing_table_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"table of faces at .*none\.csv but found: No such file"):
        read_table(tmp_path / "none.csv", tmp_path)


def test_missing_images_are_refused_or_left_out(tmp_path, logged):
    path = written(tmp_path, UDACITY, images=("b.jpg",))
    with pytest.raises(DataError, match=r"1 of 2 have none; the first is .*a\.jpg"):
        read_table(path, tmp_path / "images")
    assert [face.name for face in read_table(path, tmp_path / "images", skip_incomplete=True)] == ["b"]
    assert "left out 1 of 2" in logged[-1]
