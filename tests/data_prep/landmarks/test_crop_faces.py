import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from landmark_sets import (
    coco,
    points,
    write_300w,
    write_coco,
    write_cofw,
    write_face,
    write_image,
    write_scheme_of_three,
    write_wflw,
)

from common.errors import DataError
from common.landmark_files import Face, load_scheme, read_300w, read_cofw, read_face_image, read_folder, read_wflw
from data_prep.landmarks import crop_faces
from data_prep.landmarks.crop_faces import crop_face, main

PHOTO = Path("photo.png")
SPOTS = np.array([[600.0, 420.0], [700.0, 430.0], [650.0, 560.0]])


def photograph():
    """Three bright spots, 9 pixels wide, in a dark image of 1200x900, and the face they are."""
    image = np.zeros((900, 1200, 3), np.uint8)
    for x, y in SPOTS.astype(int):
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
    return image, Face(PHOTO, SPOTS.astype(np.float32), np.ones(3, bool))


def centre(image, around):
    """The centre of what is bright near a point."""
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = image[..., 0] * (np.hypot(xs - around[0], ys - around[1]) < 12).astype(float)
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


def test_crop_is_a_square_with_a_margin_around_the_face():
    image, face = photograph()
    crop, cropped = crop_face(image, face, margin=0.3, size=1000)
    # The points span 600..700 x 420..560: middle (650, 490), side 140, half of it with margin 0.8 * 140 = 112.
    assert crop.shape == (225, 225, 3)
    np.testing.assert_array_equal(crop, image[490 - 112 : 490 + 113, 650 - 112 : 650 + 113])
    np.testing.assert_allclose(cropped.points, SPOTS - (538, 378))


@pytest.mark.parametrize("size", [225, 100, 75, 64, 45])
def test_points_stay_on_what_they_mark_when_a_crop_is_shrunk(size):
    crop, cropped = crop_face(*photograph(), size=size)
    assert crop.shape == (size, size, 3)
    for point in cropped.points:
        np.testing.assert_allclose(centre(crop, point), point, atol=0.05)


def test_small_face_is_not_enlarged():
    image, face = photograph()
    assert crop_face(image, face, size=5000)[0].shape == (225, 225, 3)


def test_crop_is_cut_at_the_edge_of_the_image():
    image = np.zeros((100, 200, 3), np.uint8)
    face = Face(PHOTO, np.array([[-4, 10], [36, 50]], np.float32), np.ones(2, bool))
    crop, cropped = crop_face(image, face, margin=0.25)
    # x -4..36, y 10..50 and 10 more on each side: -14..46 and 0..60, of which x from 0 on are there.
    assert crop.shape == (61, 47, 3)
    np.testing.assert_array_equal(cropped.points, face.points)


def test_annotated_box_is_within_the_crop_and_moves_along():
    image, face = photograph()
    boxed = Face(PHOTO, face.points, face.visible, np.array([500, 400, 700, 560], np.float32))
    crop, cropped = crop_face(image, boxed, margin=0, size=100)
    # The box spans 200 x 160 around (600, 480), so the crop is 201 pixels from 500 and 380 on.
    assert crop.shape == (100, 100, 3)
    np.testing.assert_allclose(cropped.box, (np.array([0, 20, 200, 180]) + 0.5) * 100 / 201 - 0.5, atol=1e-4)


def test_face_outside_of_its_image_is_refused():
    image = np.zeros((100, 200, 3), np.uint8)
    face = Face(PHOTO, np.array([[-90, 10], [-80, 20]], np.float32), np.ones(2, bool))
    with pytest.raises(DataError, match=r"image of 200x100 but found it outside: .*photo\.png"):
        crop_face(image, face)
    with pytest.raises(DataError, match=r"found point 0 at \(-900, 10\)"):
        crop_face(image, Face(PHOTO, face.points * (10, 1), face.visible))


@pytest.fixture
def photos(tmp_path):
    """Two faces to train on, one to test on, in large images, with a scheme of one's own."""
    root = tmp_path / "photos"
    write_scheme_of_three(root / "scheme.json")
    for name in ("train/anna/1", "train/2", "test/3"):
        write_face(root, name, SPOTS)
        cv2.imwrite(str(root / f"{name}.png"), photograph()[0])
    return root


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_folder_becomes_a_smaller_folder_that_reads_the_same(photos, tmp_path, capsys):
    out = tmp_path / "crops"
    assert run("--from", "folder", "--root", photos, "--out", out, "--size", 100) == 0
    assert "train 2, test 1" in capsys.readouterr().out
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "scheme.json",
        "test/3.jpg",
        "test/3.pts",
        "train/2.jpg",
        "train/2.pts",
        "train/anna/1.jpg",
        "train/anna/1.pts",
    ]
    scheme = load_scheme(out / "scheme.json")
    assert scheme == load_scheme(photos / "scheme.json")
    for face in read_folder(out / "train"):
        np.testing.assert_allclose(scheme.distance(face.points), np.hypot(100, 10) * 100 / 225, atol=2e-3)


def test_folder_without_parts_is_cropped_as_it_is(photos, tmp_path):
    out = tmp_path / "crops"
    assert run("--from", "folder", "--root", photos / "train", "--out", out, "--scheme", photos / "scheme.json") == 0
    assert [face.name for face in read_folder(out)] == ["2", "anna/1"]


def test_errors_relative_to_the_face_are_those_of_the_photograph(photos, tmp_path):
    run("--from", "folder", "--root", photos, "--out", tmp_path / "crops", "--size", 90)
    scheme = load_scheme(photos / "scheme.json")
    whole, cropped = read_folder(photos / "test")[0].points, read_folder(tmp_path / "crops" / "test")[0].points
    spread = [
        np.linalg.norm(values - values.mean(axis=0), axis=1) / scheme.distance(values) for values in (whole, cropped)
    ]
    np.testing.assert_allclose(*spread, rtol=1e-4)


def test_subsets_of_300w_survive(tmp_path):
    root = write_300w(tmp_path / "300W")
    out = tmp_path / "crops"
    assert run("--from", "300w", "--root", root, "--out", out, "--parts", "train", "test", "private") == 0
    for part in ("train", "test", "private"):
        expected = {face.name: face.subset for face in read_300w(root, part)}
        assert {face.name: face.subset for face in read_folder(out / part)} == expected
    assert load_scheme(out / "scheme.json") == load_scheme("68")


def test_occlusion_and_boxes_of_cofw_survive(tmp_path):
    for part in ("train", "test"):
        write_cofw(tmp_path / "cofw", part)
    out = tmp_path / "crops"
    assert run("--from", "cofw", "--root", tmp_path / "cofw", "--out", out, "--size", 12) == 0
    for face, expected in zip(read_folder(out / "test"), read_cofw(tmp_path / "cofw", "test"), strict=True):
        assert face.name == expected.name
        np.testing.assert_array_equal(face.visible, expected.visible)
        # As a share of the way from point 0, at x = 0, to point 28, at x = 28, the box spans 2 to 22.
        first, last = face.points[[0, 28], 0]
        np.testing.assert_allclose((face.box[[0, 2]] - first) / (last - first), [2 / 28, 22 / 28], atol=1e-3)
    assert len(list((out / "train").glob("*.jpg"))) == 4


def test_attributes_of_wflw_survive(tmp_path):
    root = write_wflw(tmp_path / "wflw")
    out = tmp_path / "crops"
    assert run("--from", "wflw", "--root", root, "--out", out, "--parts", "test") == 0
    found = {face.name: face.attributes for face in read_folder(out / "test")}
    assert found == {face.name: dict(face.attributes) for face in read_wflw(root, "test")}


def test_files_that_list_faces_are_given_by_part(tmp_path):
    path = write_coco(tmp_path / "coco", coco(3))
    scheme = write_scheme_of_three(tmp_path / "three.json")
    common = ("--root", tmp_path / "coco", "--scheme", scheme)
    out = tmp_path / "crops"
    assert run("--from", "coco", *common, "--annotations", f"train={path}", f"val={path}", "--out", out) == 0
    assert len(read_folder(out / "train")) == len(read_folder(out / "val")) == 3
    table = tmp_path / "faces.txt"
    table.write_text("0.png 5 5 15 5 10 15\n")
    out = tmp_path / "more"
    arguments = ("--from", "table", *common, "--annotations", f"test={table}", "--out", out, "--first-pixel", 1)
    assert run(*arguments) == 0
    # Counted from 1: (4, 4), (14, 4), (9, 14), a square of 10 pixels and 3 more on each side.
    assert read_folder(out / "test")[0].points.tolist() == [[3, 3], [13, 3], [8, 13]]
    parts = "".join(f"<part name='{number}' x='{4 + 9 * number}' y='{8 + number}'/>" for number in range(3))
    xml = tmp_path / "faces.xml"
    xml.write_text(
        "<dataset><images><image file='1.png'><box top='7' left='3' width='22' height='9'>"
        f"{parts}</box></image></images></dataset>"
    )
    arguments = ("--from", "dlib", *common, "--annotations", f"test={xml}", "--out", out, "--force")
    assert run(*arguments) == 0
    assert [face.name for face in read_folder(out / "test")] == ["1"]


def test_official_boxes_are_asked_for(tmp_path, capsys):
    root = write_300w(tmp_path / "300W")
    assert run("--from", "300w", "--root", root, "--out", tmp_path / "crops", "--boxes") == 2
    assert "bounding_boxes_afw.mat" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["test/3.png", "test/3.pts"])
def test_nothing_stays_where_a_face_cannot_be_read(photos, tmp_path, capsys, broken):
    (photos / broken).write_bytes((photos / broken).read_bytes()[:40])
    assert run("--from", "folder", "--root", photos, "--out", tmp_path / "crops") == 2
    assert broken in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_nothing_stays_when_the_disk_is_full(photos, tmp_path, capsys, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(crop_faces, "write_notes", full)
    assert run("--from", "folder", "--root", photos, "--out", tmp_path / "crops") == 2
    assert "No space left on device; check the free space" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_files_that_are_there_are_kept_and_crops_replaced_on_demand(photos, tmp_path, capsys):
    out = tmp_path / "crops"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    arguments = ("--from", "folder", "--root", photos, "--out", out)
    assert run(*arguments) == run(*arguments, "--force") == 2
    assert "a new or empty folder" in capsys.readouterr().err
    assert (out / "mine.txt").read_text() == "mine"
    (out / "mine.txt").unlink()
    assert run(*arguments) == 0
    assert run(*arguments) == 2
    (out / "test" / "old.txt").write_text("old")
    assert run(*arguments, "--force") == 0
    assert not (out / "test" / "old.txt").exists()


def test_faces_of_one_name_are_refused(tmp_path, capsys):
    write_image(tmp_path / "a.png")
    path = tmp_path / "faces.txt"
    path.write_text("a.png 5 5 15 5 10 15\n./a.png 5 5 15 5 10 16\n")
    scheme = write_scheme_of_three(tmp_path / "three.json")
    arguments = ("--root", tmp_path, "--scheme", scheme, "--annotations", f"all={path}", "--out", tmp_path / "crops")
    assert run("--from", "table", *arguments) == 2
    assert "names of their own but found 'a' again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "coco"), "--scheme and --annotations PART=FILE"),
        (("--from", "coco", "--scheme", "68", "--annotations", "a.json"), "--annotations PART=FILE"),
        (("--from", "table", "--scheme", "68", "--annotations", "a=b", "--parts", "a"), "--annotations PART=FILE"),
        (("--from", "wflw", "--annotations", "a=b"), "no --annotations with --from wflw"),
        (("--from", "wflw", "--scheme", "68"), "no --scheme with --from wflw"),
        (("--from", "wflw", "--boxes"), "--boxes with --from 300w alone"),
        (("--from", "wflw", "--parts", "val"), "'train', 'test' of WFLW but found 'val'"),
        (("--from", "wflw", "--size", "0"), "size of 1 or more"),
        (("--from", "folder"), "a landmark scheme but found none"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path, capsys, arguments, message):
    (tmp_path / "set").mkdir()
    assert run("--root", tmp_path / "set", "--out", tmp_path / "crops", *arguments) == 2
    assert message in capsys.readouterr().err


def test_notes_are_plain_json(tmp_path):
    root = write_wflw(tmp_path / "wflw")
    run("--from", "wflw", "--root", root, "--out", tmp_path / "crops", "--parts", "test")
    note = json.loads((tmp_path / "crops" / "test" / "faces.json").read_text())["37--Soccer/two_3"]
    assert note["attributes"]["pose"] is True
    assert len(note["box"]) == 4


def test_points_of_crops_are_those_of_the_image_moved(tmp_path):
    root = write_300w(tmp_path / "300W")
    run("--from", "300w", "--root", root, "--out", tmp_path / "crops", "--parts", "test")
    face = next(face for face in read_folder(tmp_path / "crops" / "test") if face.name == "ibug/image_003_1")
    # Of all folders ibug is the sixth, so its first face is drawn with seed 10; its images are too small to be cut.
    moved = points(68, 10) - face.points
    np.testing.assert_allclose(moved, np.broadcast_to(moved.round().mean(axis=0).round(), moved.shape), atol=1.5e-3)


def test_colours_of_a_crop_are_those_of_the_photograph(tmp_path):
    image = np.zeros((40, 60, 3), np.uint8)
    image[..., 0], image[..., 1] = 200, 100  # orange
    write_face(tmp_path / "photos", "face", np.array([[10, 10], [40, 10], [20, 30]]))
    cv2.imwrite(str(tmp_path / "photos" / "face.png"), image[..., ::-1])
    scheme = write_scheme_of_three(tmp_path / "photos" / "scheme.json")
    run("--from", "folder", "--root", tmp_path / "photos", "--scheme", scheme, "--out", tmp_path / "crops")
    crop = read_face_image(read_folder(tmp_path / "crops")[0])
    np.testing.assert_allclose(crop.mean(axis=(0, 1)), [200, 100, 0], atol=3)
