import multiprocessing
import os
import pickle
import shutil

import h5py
import numpy as np
import pytest
from landmark_sets import cofw_phis, write_cofw

from common.errors import ConfigError, DataError
from common.landmark_files import check_faces, cofw, image_size, read_cofw, read_cofw_image, read_face_image


def test_points_are_counted_from_zero(tmp_path):
    write_cofw(tmp_path)
    faces = read_cofw(tmp_path, "test")
    assert len(faces) == 4
    for index, face in enumerate(faces):
        # `cofw_phis`: point k of face i is (k + 1, i + 2), counted from 1.
        np.testing.assert_array_equal(face.points, [[k, index + 1] for k in range(29)])
        assert face.points.dtype == np.float32


def test_flagged_point_is_not_visible(tmp_path):
    write_cofw(tmp_path)
    for index, face in enumerate(read_cofw(tmp_path, "test")):
        assert np.flatnonzero(~face.visible).tolist() == [index]


def test_box_of_corner_and_size_becomes_two_corners(tmp_path):
    write_cofw(tmp_path)
    assert read_cofw(tmp_path, "test")[1].box.tolist() == [2, 3, 22, 13]  # 3, 4, 20, 10 counted from 1


def test_faces_know_their_place_and_have_names_of_their_own(tmp_path):
    write_cofw(tmp_path, "train")
    faces = read_cofw(tmp_path, "train")
    assert [face.index for face in faces] == [0, 1, 2, 3]
    assert faces[3].name == "COFW_train_color_3"
    assert faces[3].image == tmp_path / "COFW_train_color.mat"


@pytest.mark.parametrize("part", ["train", "test"])
def test_images_are_turned_back_and_gray_becomes_rgb(tmp_path, part):
    for index, image in enumerate(write_cofw(tmp_path, part)):
        found = read_cofw_image(tmp_path / f"COFW_{part}_color.mat", index)
        assert found.dtype == np.uint8
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))


def test_faces_lead_to_their_images_and_sizes(tmp_path):
    images = write_cofw(tmp_path)
    faces = read_cofw(tmp_path, "test")
    for face, image in zip(faces, images, strict=True):
        assert read_face_image(face).shape == (*image.shape[:2], 3)
        assert image_size(face) == (image.shape[1], image.shape[0])
    check_faces(faces)


def test_faces_can_be_pickled_after_an_image_was_read(tmp_path):
    images = write_cofw(tmp_path)
    faces = read_cofw(tmp_path, "test")
    read_face_image(faces[0])
    np.testing.assert_array_equal(read_face_image(pickle.loads(pickle.dumps(faces[0]))), images[0])


def _sum_of_image(face):
    return int(read_face_image(face).sum())


def _place(face, place=None):
    """Where the system reads next in the file of an image; ``place`` moves it there."""
    read_face_image(face)
    descriptor = cofw._open(face.image).id.get_vfd_handle()
    return os.lseek(descriptor, 0, os.SEEK_CUR) if place is None else os.lseek(descriptor, place, os.SEEK_SET)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs forked processes")
def test_forked_processes_open_the_file_themselves(tmp_path):
    images = write_cofw(tmp_path, "test", 6)
    faces = read_cofw(tmp_path, "test")
    place = _place(faces[0])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.map(_sum_of_image, faces * 3, chunksize=1)
        pool.starmap(_place, [(face, place + 7) for face in faces], chunksize=1)
    expected = [int(image.sum()) * (3 if image.ndim == 2 else 1) for image in images]
    assert sums == expected * 3
    assert _place(faces[0]) == place


def test_file_that_was_replaced_is_read_anew(tmp_path):
    write_cofw(tmp_path / "old", "test", 2)
    write_cofw(tmp_path / "new", "test", 3)
    path = tmp_path / "old" / "COFW_test_color.mat"
    assert len(read_cofw(tmp_path / "old", "test")) == 2
    os.replace(tmp_path / "new" / "COFW_test_color.mat", path)
    os.utime(path, ns=(0, 0))
    assert len(read_cofw(tmp_path / "old", "test")) == 3


def test_file_is_found_by_its_own_path_in_the_folder_of_the_archive_and_gray(tmp_path):
    write_cofw(tmp_path)
    path = tmp_path / "COFW_test_color.mat"
    assert len(read_cofw(path, "test")) == 4
    (tmp_path / "COFW_color").mkdir()
    shutil.move(path, tmp_path / "COFW_color")
    assert len(read_cofw(tmp_path, "test")) == 4
    (tmp_path / "COFW_color" / "COFW_test_color.mat").rename(tmp_path / "COFW_test.mat")
    assert read_cofw(tmp_path, "test")[0].name == "COFW_test_0"


@pytest.mark.parametrize(("part", "count"), [("train", 1345), ("test", 507)])
def test_other_number_of_faces_than_published_is_told(tmp_path, logged, part, count):
    write_cofw(tmp_path, part)
    read_cofw(tmp_path, part)
    assert f"{count} in COFW_{part}_color.mat but found 4" in logged[0]


def test_older_matlab_file_is_refused_and_the_right_one_named(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "COFW_test_color.mat", {"phisT": cofw_phis(2)})
    with pytest.raises(DataError, match=r"version 7\.3 .*COFW_test_color\.mat; take COFW_train_color\.mat and"):
        read_cofw(tmp_path, "test")


def test_cut_file_is_refused(tmp_path):
    write_cofw(tmp_path)
    path = tmp_path / "COFW_test_color.mat"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"damaged one in .*COFW_test_color\.mat"):
        read_cofw(tmp_path, "test")


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"COFW_train_color\.mat in .* but found no such file; take"):
        read_cofw(tmp_path, "train")
    with pytest.raises(DataError, match=r"found no file .*none\.mat"):
        read_cofw_image(tmp_path / "none.mat", 0)


def test_file_of_the_other_part_is_refused(tmp_path):
    write_cofw(tmp_path, "train")
    with pytest.raises(DataError, match=r"an array IsT but found IsTr, bboxesTr, phisTr in .*COFW_train_color\.mat"):
        read_cofw(tmp_path / "COFW_train_color.mat", "test")


@pytest.mark.parametrize("shape", [(136, 4), (4, 87), (87, 3)], ids=["68 points", "not transposed", "too few"])
def test_points_of_another_shape_are_refused(tmp_path, shape):
    write_cofw(tmp_path, phis=np.zeros(shape))
    with pytest.raises(DataError, match=rf"87 x 4 numbers in phisT.* found {shape[0]} x {shape[1]} in .*COFW_test"):
        read_cofw(tmp_path, "test")


def test_points_that_are_none_are_refused(tmp_path):
    phis = cofw_phis(4).T
    phis[5, 2] = np.nan
    write_cofw(tmp_path, phis=phis)
    with pytest.raises(DataError, match=r"finite numbers in phisT but found others for face 2 in .*COFW_test"):
        read_cofw(tmp_path, "test")


def test_flags_other_than_zero_and_one_are_refused(tmp_path):
    phis = cofw_phis(4).T
    phis[60, 3] = 2
    write_cofw(tmp_path, phis=phis)
    with pytest.raises(DataError, match=r"flags 0 or 1 .* of face 3 in .*COFW_test"):
        read_cofw(tmp_path, "test")


def test_image_that_is_none_is_refused(tmp_path):
    write_cofw(tmp_path)
    path = tmp_path / "COFW_test_color.mat"
    with pytest.raises(DataError, match=r"images 0 to 3 in .*COFW_test_color\.mat but found 4"):
        read_cofw_image(path, 4)
    write_cofw(tmp_path / "other")
    path = tmp_path / "other" / "COFW_test_color.mat"
    with h5py.File(path, "r+") as file:
        file["IsT"][0, 1] = file.create_dataset("#refs#/bad", data=np.zeros((3, 4, 5))).ref
    with pytest.raises(DataError, match=r"image 1 as uint8 .* found float64 \[3, 4, 5\] in .*COFW_test_color\.mat"):
        read_cofw_image(path, 1)


def test_other_part_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'train', 'test' of COFW but found 'val'"):
        read_cofw(tmp_path, "val")
