"""The generated set on disk: layout, determinism, and what happens to a folder that is already there."""

import json

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.landmark_files import SCHEMES, folder_scheme, read_folder
from data_prep.landmarks import synthetic
from data_prep.landmarks.face_modes import Expression, Identity, Pose
from data_prep.landmarks.face_render import fit_view
from data_prep.landmarks.face_shape import Head
from data_prep.landmarks.synthetic import draw_sample, generate, main

MINI = {"train": 4, "val": 2, "test": 2, "size": 64, "workers": 1}
SCHEME = SCHEMES["68"]


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("landmarks") / "faces"
    generate(root, **MINI)
    return root


@pytest.fixture(scope="module")
def samples():
    return [draw_sample(np.random.default_rng([5, number]), 96) for number in range(40)]


def test_folder_holds_pictures_and_points_by_part(root):
    assert sorted(path.name for path in root.iterdir()) == ["scheme.json", "synthetic.json", "test", "train", "val"]
    for part, count in (("train", 4), ("val", 2), ("test", 2)):
        names = [f"{part}_{number:05d}{ending}" for number in range(count) for ending in (".jpg", ".pts")]
        assert sorted(path.name for path in (root / part).iterdir()) == ["faces.json", *names]
        assert cv2.imread(str(root / part / names[0])).shape == (64, 64, 3)


def test_written_points_are_the_drawn_ones_counted_from_1(root):
    sample = draw_sample(np.random.default_rng([0, 2, 1]), 64)  # seed, part and number
    lines = (root / "test" / "test_00001.pts").read_text().splitlines()
    assert lines[:3] == ["version: 1", "n_points: 68", "{"]
    written = np.array([line.split() for line in lines[3:71]], float)
    np.testing.assert_allclose(written, sample.points + 1, atol=6e-4)


def test_reader_of_folders_reads_it(root):
    faces = read_folder(root / "train")
    assert [face.name for face in faces] == [f"train_{number:05d}" for number in range(4)]
    assert folder_scheme(root / "train") == SCHEME
    for number, face in enumerate(faces):
        sample = draw_sample(np.random.default_rng([0, 0, number]), 64)
        np.testing.assert_allclose(face.points, sample.points, atol=6e-4)
        np.testing.assert_array_equal(face.visible, sample.visible)
        assert face.attributes == sample.attributes
        assert face.subset == ("challenging" if sum(sample.attributes.values()) > 1 else "common")


def test_points_are_inside_of_the_picture_and_fill_half_of_it_or_more(samples):
    for sample in samples:
        assert sample.image.shape == (96, 96, 3)
        assert (sample.points > -0.5).all()
        assert (sample.points < 95.5).all()
        assert 0.49 * 96 < np.ptp(sample.points, axis=0).max() < 0.73 * 96


def test_samples_hold_every_attribute_and_hidden_points_only_where_occluded(samples):
    for name in ("pose", "expression", "occlusion", "blur", "dark"):
        assert 0.05 < np.mean([sample.attributes[name] for sample in samples]) < 0.7
    assert any(not sample.visible.all() for sample in samples)
    assert all(sample.visible.all() or sample.attributes["occlusion"] for sample in samples)


def test_pictures_are_as_bright_as_pictures(samples):
    lit = [sample.image.mean() for sample in samples if not sample.attributes["dark"]]
    assert 60 < np.mean(lit) < 170
    assert min(sample.image.std() for sample in samples) > 4


def test_distances_between_the_eyes_are_those_of_faces():
    rng = np.random.default_rng(1)
    heads = [Head(Identity.sample(rng), Expression.sample(rng), Pose.sample(rng)) for _ in range(300)]
    points = np.stack([fit_view(head, 128, 0.6, (0, 0)).project(head.points) for head in heads])
    ocular, pupil = SCHEME.distance(points), SCHEME.distance(points, "pupil")
    assert 25 < ocular.min() < 40 < ocular.mean() < 50 < ocular.max() < 65
    assert 0.6 < (pupil / ocular).min() < (pupil / ocular).max() < 0.8  # about 0.71 on 300W


def test_files_are_the_same_whatever_the_workers_and_the_number_of_faces(root, tmp_path):
    generate(tmp_path / "faces", **{**MINI, "train": 3, "workers": 2})
    fewer, whole = files_of(tmp_path / "faces"), files_of(root)
    same = {name for name in fewer if name.endswith((".jpg", ".pts")) or name.startswith(("val", "test"))}
    assert len(same) == 2 * (3 + 2 + 2) + 2
    assert {name: fewer[name] for name in same} == {name: whole[name] for name in same}


def test_seeds_parts_and_numbers_give_different_faces(root, tmp_path):
    generate(tmp_path / "other", **MINI, seed=1)
    other, whole = files_of(tmp_path / "other"), files_of(root)
    faces = [content for name, content in (*whole.items(), *other.items()) if name.endswith(".pts")]
    assert len(set(faces)) == len(faces) == 16


def test_same_settings_again_write_nothing(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert generate(root, **MINI) == {"train": 4, "val": 2, "test": 2}
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_other_settings_are_refused_and_replaced_only_with_force(tmp_path):
    small = {"train": 1, "val": 0, "test": 0, "size": 48, "workers": 1}
    generate(tmp_path / "faces", **small)
    with pytest.raises(DataError, match=r"seed 0 \(wanted 5\).*synthetic\.json.*--force"):
        generate(tmp_path / "faces", **small, seed=5)
    generate(tmp_path / "faces", **small, seed=5, force=True)
    assert json.loads((tmp_path / "faces" / "synthetic.json").read_text())["seed"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


@pytest.mark.parametrize("content", ["", "[1]", '{"seed": 0}'])
def test_settings_that_cannot_be_read_count_as_others(tmp_path, content):
    (tmp_path / "synthetic.json").write_text(content)
    with pytest.raises(DataError, match="expected the wanted settings"):
        generate(tmp_path, **MINI)


def test_folder_with_other_files_is_never_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(DataError, match="found other files in"):
            generate(tmp_path, **MINI, force=force)
    assert files_of(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("error", [DataError("disk full"), OSError(28, "disk full"), KeyboardInterrupt("disk full")])
def test_failure_leaves_nothing_behind(tmp_path, monkeypatch, error):
    drawn = []

    def draw_then_fail(rng, size):
        if len(drawn) == 2:
            raise error
        drawn.append(draw_sample(rng, size))
        return drawn[-1]

    monkeypatch.setattr(synthetic, "draw_sample", draw_then_fail)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DataError
    with pytest.raises(expected, match="disk full"):
        generate(tmp_path / "faces", **MINI)
    assert len(drawn) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": 0, "val": 0, "test": 0}, "at least one face"),
        ({"val": -1}, "no part below 0"),
        ({"size": 16}, "48 to 1024 pixels but found 16"),
        ({"size": 5000}, "but found 5000"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"workers": 0}, "1 worker or more"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        generate(tmp_path / "faces", **{**MINI, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_command_line_prints_one_message_and_fails(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["--out", str(tmp_path), "--train", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: expected a new or empty folder")


def test_command_line_writes_the_set(tmp_path, capsys):
    arguments = ["--train", "1", "--val", "1", "--test", "0", "--size", "48", "--seed", "3", "--workers", "1"]
    assert main(["--out", str(tmp_path / "faces"), *arguments]) == 0
    assert "train 1, val 1, test 0" in capsys.readouterr().out
    assert (tmp_path / "faces" / "val" / "val_00000.pts").is_file()
