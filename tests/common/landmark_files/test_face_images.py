import cv2
import numpy as np
import pytest
from landmark_sets import HEIGHT, WIDTH, points, write_image
from PIL import Image

from common.errors import DataError
from common.landmark_files import Face, LandmarkScheme, check_faces, image_size, read_face_image

SCHEME = LandmarkScheme("three", 3, (1, 0, 2), ((0,), (1,)))


def face_at(image, values=None):
    values = points(3) if values is None else values
    return Face(image, np.asarray(values, np.float32), np.ones(len(values), bool))


def test_image_is_read_as_rgb(tmp_path):
    expected = write_image(tmp_path / "face.png")
    np.testing.assert_array_equal(read_face_image(face_at(tmp_path / "face.png")), expected)


def test_orientation_told_in_exif_is_passed_over(tmp_path):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, :10] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.fromarray(image).save(tmp_path / "face.jpg", exif=exif, quality=100)
    face = face_at(tmp_path / "face.jpg")
    assert np.abs(read_face_image(face).astype(int) - image).max() < 8
    assert image_size(face) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    "stored",
    [
        np.full((HEIGHT, WIDTH), 7, np.uint8),
        np.full((HEIGHT, WIDTH, 4), 7, np.uint8),
        np.full((HEIGHT, WIDTH), 7 * 257, np.uint16),
    ],
    ids=["gray", "with alpha", "16 bits"],
)
def test_other_pixels_become_rgb_of_8_bits(tmp_path, stored):
    cv2.imwrite(str(tmp_path / "face.png"), stored)
    image = read_face_image(face_at(tmp_path / "face.png"))
    assert (image.dtype, image.shape) == (np.uint8, (HEIGHT, WIDTH, 3))
    assert (image == 7).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.98])
def test_cut_image_is_refused_and_named(tmp_path, suffix, share):
    path = tmp_path / f"face{suffix}"
    write_image(path, 200, 150)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=rf"unreadable bytes in .*face\{suffix}; copy it again"):
        read_face_image(face_at(path))


def test_file_that_is_no_image_is_refused(tmp_path):
    (tmp_path / "face.jpg").write_text("<html>not found</html>" * 10)
    with pytest.raises(DataError, match=r"220 unreadable bytes in .*face\.jpg"):
        read_face_image(face_at(tmp_path / "face.jpg"))
    with pytest.raises(DataError, match=r"an image at .*face\.jpg"):
        image_size(face_at(tmp_path / "face.jpg"))


def test_missing_image_is_refused(tmp_path):
    for read in (read_face_image, image_size):
        with pytest.raises(DataError, match=r"an image at .*none\.jpg"):
            read(face_at(tmp_path / "none.jpg"))


def test_size_is_read_without_the_pixels(tmp_path):
    path = tmp_path / "face.png"
    write_image(path, 123, 45)
    path.write_bytes(path.read_bytes()[:200])
    assert image_size(face_at(path)) == (123, 45)


# The image of 40x30 spans -0.5 to 39.5 and -0.5 to 29.5; a point may be out by 40 and 30 more.
@pytest.mark.parametrize("point", [(-0.5, 29.5), (45, 10), (-40.5, 5), (79.5, 5), (5, -30.5), (5, 59.5)])
def test_points_in_or_near_the_image_are_fine(tmp_path, point):
    write_image(tmp_path / "face.png")
    check_faces([face_at(tmp_path / "face.png", [(1, 1), point, (9, 9)])])


@pytest.mark.parametrize("point", [(-40.6, 5), (79.6, 5), (5, -30.6), (5, 59.6), (1234, 10), (np.nan, 1)])
def test_point_far_outside_is_refused_and_named(tmp_path, point):
    write_image(tmp_path / "face.png")
    with pytest.raises(DataError, match=r"image of 40x30 but found point 1 at .*face \(.*face\.png\)"):
        check_faces([face_at(tmp_path / "face.png", [(1, 1), point, (9, 9)])])


def test_points_in_one_place_are_refused(tmp_path):
    write_image(tmp_path / "face.png")
    with pytest.raises(DataError, match=r"all in one place for face \(.*face\.png\)"):
        check_faces([face_at(tmp_path / "face.png", [(3, 4)] * 3)])


def test_distance_of_nothing_is_refused_where_a_scheme_is_given(tmp_path):
    write_image(tmp_path / "face.png")
    face = face_at(tmp_path / "face.png", [(3, 4), (3, 4), (9, 9)])
    check_faces([face])
    with pytest.raises(DataError, match=r"distance 'ocular' above 0.* found 0 for face \(.*face\.png\)"):
        check_faces([face], SCHEME)


def test_points_in_a_line_have_no_box(tmp_path):
    write_image(tmp_path / "face.png")
    with pytest.raises(DataError, match="distance 'box' above 0"):
        check_faces([face_at(tmp_path / "face.png", [(3, 4), (5, 4), (9, 4)])], SCHEME)


def test_other_number_of_points_than_the_scheme_has_is_refused(tmp_path):
    write_image(tmp_path / "face.png")
    with pytest.raises(DataError, match=r"3 points, as scheme 'three' has, but found 4 of face"):
        check_faces([face_at(tmp_path / "face.png", points(4))], SCHEME)


def test_heads_are_read_once_for_faces_of_one_image(tmp_path, monkeypatch):
    from common.landmark_files import images

    asked = []
    monkeypatch.setattr(images, "image_size", lambda face: asked.append(face.image) or (WIDTH, HEIGHT))
    check_faces([face_at(tmp_path / name) for name in ("a.png", "a.png", "b.png")])
    assert asked == [tmp_path / "a.png", tmp_path / "b.png"]


def test_real_faces_have_no_slips(shared_data):
    from common.landmark_files import load_scheme, read_folder

    check_faces(read_folder(shared_data / "faces68" / "val", "68"), load_scheme("68"))
