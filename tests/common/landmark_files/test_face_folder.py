import json
import os
import shutil

import numpy as np
import pytest
from landmark_sets import points, write_face, write_image, write_label, write_scheme_of_three

from common.errors import ConfigError, DataError
from common.landmark_files import Face, folder_scheme, read_folder, write_notes

THREE = points(3)


@pytest.fixture
def faces(tmp_path):
    """Two faces of a scheme of one's own, one of them in a folder of its own."""
    write_scheme_of_three(tmp_path / "faces" / "scheme.json")
    write_face(tmp_path / "faces", "b", THREE)
    write_face(tmp_path / "faces" / "anna" / "phone", "a.1", THREE + 1, ".JPG", seed=1)
    return tmp_path / "faces"


def test_faces_are_found_in_any_depth_and_named_by_their_path(faces):
    found = read_folder(faces)
    assert [face.name for face in found] == ["anna/phone/a.1", "b"]
    assert found[0].image == faces / "anna" / "phone" / "a.1.JPG"
    np.testing.assert_allclose(found[0].points, THREE + 1, atol=1e-5)
    assert found[0].visible.tolist() == [True] * 3
    assert (found[0].box, found[0].subset, found[0].attributes, found[0].index) == (None, "", {}, None)


def test_scheme_of_the_folder_above_is_taken(faces):
    assert [face.name for face in read_folder(faces / "anna")] == ["phone/a.1"]
    assert folder_scheme(faces / "anna").name == "three"


def test_scheme_above_a_relative_folder_is_found(faces, monkeypatch):
    monkeypatch.chdir(faces / "anna")
    assert folder_scheme(".").name == "three"


def test_named_scheme_is_taken_before_the_file(faces):
    with pytest.raises(DataError, match=r"n_points: 68 but found 3 in .*a\.1\.pts"):
        read_folder(faces, "68")


def test_folder_without_scheme_is_refused(faces):
    (faces / "scheme.json").unlink()
    with pytest.raises(
        ConfigError,
        match=r"a landmark scheme but found none; .*write .*scheme\.json with points, flip_pairs and ocular",
    ):
        read_folder(faces)


def test_image_without_points_and_points_without_image_are_refused_and_counted(faces):
    for name in "xyz":
        write_image(faces / f"{name}.png")
    write_label(faces / "lost.pts", THREE)
    with pytest.raises(DataError) as error:
        read_folder(faces)
    assert "3 images without points (the first is" in str(error.value)
    assert "x.png) and 1 files of points without image" in str(error.value)
    assert "lost.pts" in str(error.value)


def test_files_without_partner_are_left_out_and_told_on_demand(faces, logged):
    write_image(faces / "x.png")
    assert len(read_folder(faces, skip_incomplete=True)) == 2
    assert len(logged) == 1
    assert "left out 1 images without points" in logged[0]


def test_two_images_for_one_face_are_refused(faces):
    write_image(faces / "b.jpg")
    with pytest.raises(DataError, match=r"one file for each face but found b\.jpg and b\.png"):
        read_folder(faces)


def test_hidden_files_and_what_is_no_face_are_passed_over(faces):
    (faces / "__MACOSX" / "anna").mkdir(parents=True)
    for name in ("._b.pts", "._b.png", "notes.txt", "__MACOSX/b.pts", ".cut/b.png"):
        path = faces / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"none")
    assert len(read_folder(faces)) == 2


def test_linked_folder_is_read(faces, tmp_path):
    shutil.move(faces / "anna", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", faces / "anna")
    assert [face.name for face in read_folder(faces)] == ["anna/phone/a.1", "b"]


def test_empty_and_missing_folders_are_refused(faces, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"images with PTS or LJSON files in .*empty but found neither"):
        read_folder(tmp_path / "empty", "68")
    with pytest.raises(DataError, match=r"found none at .*none"):
        read_folder(tmp_path / "none", "68")


def test_malformed_points_name_the_file(faces):
    (faces / "b.pts").write_text("n_points: 3\n{\n1 1\n2 2\n}\n")
    with pytest.raises(DataError, match=r"3 points.*found 2 in .*b\.pts"):
        read_folder(faces)


def test_notes_are_read_as_they_were_written(faces):
    names = ["anna/phone/a.1", "b"]
    written = [
        Face(
            faces / "x",
            THREE,
            np.array([True, False, True]),
            np.array([1, 2, 3.5, 4], np.float32),
            "challenging",
            {"blur": True, "pose": False},
            name=names[0],
        ),
        Face(faces / "x", THREE, np.ones(3, bool), name=names[1]),
    ]
    write_notes(faces, written)
    found = read_folder(faces)
    assert found[0].visible.tolist() == [True, False, True]
    assert found[0].box.tolist() == [1, 2, 3.5, 4]
    assert (found[0].subset, found[0].attributes) == ("challenging", {"blur": True, "pose": False})
    assert (found[1].box, found[1].subset, found[1].visible.all()) == (None, "", True)
    assert list(json.loads((faces / "faces.json").read_text())) == names[:1]


def test_no_notes_no_file(faces):
    (faces / "faces.json").write_text("{}")
    write_notes(faces, [Face(faces / "b.png", THREE, np.ones(3, bool))])
    assert not (faces / "faces.json").exists()


def test_notes_on_faces_that_are_gone_are_told(faces, logged):
    (faces / "faces.json").write_text('{"gone": {"subset": "x"}}')
    assert len(read_folder(faces)) == 2
    assert "1 faces that are not there, such as 'gone'" in logged[0]


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ({"subset": 3}, "text for the subset"),
        ({"attributes": {"blur": 1}}, "true and false for the attributes"),
        ({"box": [1, 2, 3]}, "four finite numbers for the box"),
        ({"box": [1, 2, 3, float("nan")]}, "four finite numbers for the box"),
        ({"occluded": [3]}, "points 0 to 2 for the occluded"),
        ({"occluded": [True]}, "points 0 to 2 for the occluded"),
        ({"pose": 1}, "object of subset, attributes, box, occluded"),
        ([], "object of subset"),
    ],
)
def test_malformed_notes_are_refused_and_named(faces, note, message):
    (faces / "faces.json").write_text(json.dumps({"b": note}))
    with pytest.raises(DataError, match=rf"{message}.* of 'b' in .*faces\.json"):
        read_folder(faces)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_notes_that_are_no_object_are_refused(faces, text):
    (faces / "faces.json").write_text(text)
    with pytest.raises(DataError, match=r"faces\.json"):
        read_folder(faces)


@pytest.mark.parametrize(("part", "count"), [("train", 2763), ("val", 356), ("test", 611)])
def test_real_faces_are_read_whole(shared_data, part, count):
    faces = read_folder(shared_data / "faces68" / part, "68")
    assert len(faces) == count
    assert len({face.name for face in faces}) == count
