"""The generated set on disk: layouts, determinism, and what happens to a folder that is already there."""

import json

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from data_prep.seg import synthetic
from data_prep.seg.synthetic import generate, main

MINI = {"train_clips": 2, "val_clips": 1, "test_clips": 1, "frames": 2, "size": (64, 48), "workers": 1}


def files_of(folder):
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def camvid_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("camvid") / "street"
    generate(root, **MINI)
    return root


def test_camvid_layout_lists_pictures_and_labels_of_one_size(camvid_root):
    for split, count in (("train", 4), ("val", 2), ("test", 2)):
        lines = (camvid_root / f"{split}.txt").read_text().splitlines()
        assert len(lines) == count
        for line in lines:
            image, label = (cv2.imread(str(camvid_root / name), -1) for name in line.split())
            assert image.shape == (48, 64, 3)
            assert label.shape == (48, 64)
            assert label.max() <= 11


def test_flow_is_written_for_all_but_the_last_frame_of_a_clip(camvid_root):
    assert [path.name for path in sorted((camvid_root / "flow" / "train").iterdir())] == [
        "train0000_00000.npz",
        "train0001_00000.npz",
    ]
    with np.load(camvid_root / "flow" / "train" / "train0000_00000.npz") as arrays:
        assert arrays["flow"].shape == (48, 64, 2)
        assert arrays["flow"].dtype == np.float16
        assert arrays["valid"].shape == (48, 64)
        assert arrays["valid"].dtype == bool


def test_written_flow_warps_the_written_labels(camvid_root):
    labels = [cv2.imread(str(camvid_root / "trainannot" / f"train0000_0000{frame}.png"), -1) for frame in (0, 1)]
    with np.load(camvid_root / "flow" / "train" / "train0000_00000.npz") as arrays:
        flow, valid = arrays["flow"].astype(float), arrays["valid"]
    y, x = np.nonzero(valid)
    landed = labels[1][np.rint(y + flow[y, x, 1]).astype(int), np.rint(x + flow[y, x, 0]).astype(int)]
    assert (landed == labels[0][y, x]).mean() > 0.97


def test_pictures_are_the_same_whatever_the_workers_and_the_number_of_clips(camvid_root, tmp_path):
    generate(tmp_path / "street", **{**MINI, "train_clips": 1, "workers": 2})
    fewer, whole = files_of(tmp_path / "street"), files_of(camvid_root)
    same = {name for name in fewer if name.endswith((".png", ".npz"))}
    assert len(same) == 3 * 2 * 2 + 3
    assert {name: fewer[name] for name in same} == {name: whole[name] for name in same}


def test_another_seed_gives_other_pictures(camvid_root, tmp_path):
    generate(tmp_path / "other", **MINI, seed=1)
    other, whole = files_of(tmp_path / "other"), files_of(camvid_root)
    assert other["train/train0000_00000.png"] != whole["train/train0000_00000.png"]
    assert whole["train/train0000_00000.png"] != whole["val/val0000_00000.png"]


def test_cityscapes_layout_holds_train_ids_of_the_same_scenes(camvid_root, tmp_path):
    root = tmp_path / "city"
    generate(root, layout="cityscapes", flow=False, **MINI)
    name = "synthetictrain_000001_000001"
    label = cv2.imread(str(root / "gtFine/train/synthetictrain" / f"{name}_gtFine_labelTrainIds.png"), -1)
    image = cv2.imread(str(root / "leftImg8bit/train/synthetictrain" / f"{name}_leftImg8bit.png"), -1)
    camvid = cv2.imread(str(camvid_root / "trainannot" / "train0001_00001.png"), -1)
    # Sky, Building, Pole, Road, Pavement, Tree, SignSymbol, Fence, Car, Pedestrian, Bicyclist, void
    expected = np.array([10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 18, 255], np.uint8)[camvid]
    np.testing.assert_array_equal(label, expected)
    np.testing.assert_array_equal(image, cv2.imread(str(camvid_root / "train" / "train0001_00001.png"), -1))
    assert not (root / "flow").exists()


def test_same_settings_again_write_nothing(camvid_root):
    before = {path: path.stat().st_mtime_ns for path in camvid_root.rglob("*")}
    summary = generate(camvid_root, **MINI)
    assert {path: path.stat().st_mtime_ns for path in camvid_root.rglob("*")} == before
    assert summary["images"] == {"train": 4, "val": 2, "test": 2}


def test_other_settings_are_refused_and_replaced_only_with_force(tmp_path):
    root = tmp_path / "street"
    generate(root, **{**MINI, "frames": 1})
    with pytest.raises(DataError, match=r"seed 0 \(wanted 5\).*synthetic\.json.*--force"):
        generate(root, **{**MINI, "frames": 1}, seed=5)
    generate(root, **{**MINI, "frames": 1}, seed=5, force=True)
    assert json.loads((root / "synthetic.json").read_text())["seed"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["street"]


def test_folder_with_other_files_is_never_overwritten(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(DataError, match="found other files in"):
            generate(tmp_path, **MINI, force=force)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise DataError("disk full")

    monkeypatch.setattr(synthetic, "optical_flow", fail)
    with pytest.raises(DataError, match="disk full"):
        generate(tmp_path / "street", **MINI)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layout": "kitti"}, "layout"),
        ({"frames": 0}, "frames >= 1"),
        ({"size": (16, 48)}, "16x48"),
        ({"train_clips": 0, "val_clips": 0, "test_clips": 0}, "at least one clip"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        generate(tmp_path / "street", **{**MINI, **wrong})


def test_command_line_prints_one_message_and_fails(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["--out", str(tmp_path), "--clips", "1", "--size", "64x48"]) == 2
    assert capsys.readouterr().err.startswith("error: expected a new or empty folder")


def test_command_line_writes_the_set(tmp_path, capsys):
    arguments = ["--clips", "1", "--val-clips", "0", "--test-clips", "0", "--frames", "1", "--size", "64x48"]
    assert main(["--out", str(tmp_path / "street"), *arguments, "--no-flow", "--workers", "1"]) == 0
    assert "train 1, val 0, test 0" in capsys.readouterr().out
    assert (tmp_path / "street" / "train" / "train0000_00000.png").is_file()
