"""The generated set on disk: both layouts, determinism, and what happens to a folder that is already there."""

import json

import cv2
import numpy as np
import pytest

from common.box_files import read_coco, read_voc
from common.errors import ConfigError, DataError
from data_prep.det import synthetic
from data_prep.det.scene import draw_sample
from data_prep.det.synthetic import generate, main
from data_prep.det.things import CLASSES

MINI = {"train": 4, "val": 2, "test": 2, "size": 96, "workers": 1}


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("det") / "boxes"
    generate(root, **MINI)
    return root


def test_folder_holds_pictures_once_and_labels_in_both_layouts(root):
    names = [
        f"{part}_{number:05d}" for part, count in (("test", 2), ("train", 4), ("val", 2)) for number in range(count)
    ]
    lists = [f"ImageSets/Main/{part}.txt" for part in ("test", "train", "val")]
    files = ["synthetic.json", "test.json", "train.json", "val.json", *lists]
    expected = [*files, *(f"JPEGImages/{name}.jpg" for name in names), *(f"Annotations/{name}.xml" for name in names)]
    assert sorted(files_of(root)) == sorted(expected)
    assert cv2.imread(str(root / "JPEGImages" / "val_00001.jpg")).shape == (96, 96, 3)


@pytest.mark.parametrize(("part", "place"), [("train", 0), ("val", 1), ("test", 2)])
def test_both_layouts_hold_the_boxes_that_were_drawn(root, part, place):
    sets = read_coco(root / f"{part}.json", root / "JPEGImages"), read_voc(root, part, CLASSES)
    for found in sets:
        assert found.classes == CLASSES
        for number, image in enumerate(found.images):
            sample = draw_sample(np.random.default_rng([0, place, number]), 96, part)
            assert image.name == f"{part}_{number:05d}"
            np.testing.assert_array_equal(image.boxes, sample.boxes)
            np.testing.assert_array_equal(image.labels, sample.labels)
            assert (image.width, image.height) == (96, 96)


def test_files_are_the_same_whatever_the_workers_and_the_number_of_scenes(root, tmp_path):
    generate(tmp_path / "boxes", **{**MINI, "train": 3, "workers": 2})
    fewer, whole = files_of(tmp_path / "boxes"), files_of(root)
    same = {name for name in fewer if name.endswith((".jpg", ".xml")) or name.startswith(("val", "test"))}
    assert len(same) == 2 * (3 + 2 + 2) + 2
    assert {name: fewer[name] for name in same} == {name: whole[name] for name in same}


def test_seeds_parts_and_numbers_give_different_scenes(root, tmp_path):
    generate(tmp_path / "other", **MINI, seed=1)
    other, whole = files_of(tmp_path / "other"), files_of(root)
    scenes = [content for name, content in (*whole.items(), *other.items()) if name.endswith(".jpg")]
    assert len(set(scenes)) == len(scenes) == 16


def test_same_settings_again_write_nothing(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert generate(root, **MINI) == {"train": 4, "val": 2, "test": 2}
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_other_settings_are_refused_and_replaced_only_with_force(tmp_path):
    small = {"train": 1, "val": 0, "test": 0, "size": 64, "workers": 1}
    generate(tmp_path / "boxes", **small)
    assert not (tmp_path / "boxes" / "val.json").exists()
    with pytest.raises(DataError, match=r"seed 0 \(wanted 5\).*synthetic\.json.*--force"):
        generate(tmp_path / "boxes", **small, seed=5)
    generate(tmp_path / "boxes", **small, seed=5, force=True)
    assert json.loads((tmp_path / "boxes" / "synthetic.json").read_text())["seed"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["boxes"]


def test_folder_with_other_files_is_never_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(DataError, match="found other files in"):
            generate(tmp_path, **MINI, force=force)
    assert files_of(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("error", [DataError("disk full"), OSError(28, "disk full"), KeyboardInterrupt("disk full")])
def test_failure_leaves_nothing_behind(tmp_path, monkeypatch, error):
    drawn = []

    def draw_then_fail(rng, size, part):
        if len(drawn) == 2:
            raise error
        drawn.append(draw_sample(rng, size, part))
        return drawn[-1]

    monkeypatch.setattr(synthetic, "draw_sample", draw_then_fail)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DataError
    with pytest.raises(expected, match="disk full"):
        generate(tmp_path / "boxes", **MINI)
    assert len(drawn) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"train": 0, "val": 0, "test": 0}, "at least one picture"),
        ({"val": -1}, "no part below 0"),
        ({"size": 16}, "64 to 1024 pixels but found 16"),
        ({"size": 5000}, "but found 5000"),
        ({"seed": -1}, "seed of 0 or more"),
        ({"workers": 0}, "1 worker or more"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        generate(tmp_path / "boxes", **{**MINI, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_command_line_prints_one_message_and_fails(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["--out", str(tmp_path), "--train", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: expected a new or empty folder")


def test_command_line_writes_the_set(tmp_path, capsys):
    arguments = ["--train", "1", "--val", "1", "--test", "0", "--size", "64", "--seed", "3", "--workers", "1"]
    assert main(["--out", str(tmp_path / "boxes"), *arguments]) == 0
    assert "train 1, val 1, test 0" in capsys.readouterr().out
    assert (tmp_path / "boxes" / "Annotations" / "val_00000.xml").is_file()
