"""Generated video: its flow against its labels and pictures, its layout, and what is done with wrong settings."""

import json

import cv2
import numpy as np
import pytest
from scipy.ndimage import map_coordinates, maximum_filter, minimum_filter

from common.errors import ConfigError, DataError
from data_prep.seg import video
from data_prep.seg.scene import View
from data_prep.seg.video import exact_flow, generate, main

MINI = {"train_clips": 1, "val_clips": 1, "test_clips": 0, "frames": 4, "size": (96, 72), "reach": 2, "workers": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("video") / "set"
    generate(folder, **MINI)
    return folder


def read(root, split, name):
    picture = cv2.imread(str(root / split / f"{name}.png"))
    return picture, cv2.imread(str(root / f"{split}annot" / f"{name}.png"), -1)


def pairs(root):
    """Every stored flow, with the pictures and labels that it lies between."""
    for path in sorted(root.glob("flow/*/*.npz")):
        with np.load(path) as arrays:
            flow, valid = arrays["flow"], arrays["valid"]
        names = path.stem.split("_to_")
        yield (flow, valid, *(read(root, path.parent.name, name) for name in names))


def test_layout_is_camvids_with_flow_beside_it(root):
    assert sorted(path.name for path in root.iterdir()) == [
        "flow", "test", "test.txt", "testannot", "train", "train.txt", "trainannot", "val", "val.txt", "valannot",
        "video.json",
    ]  # fmt: skip
    names = [f"val0000_{frame:05d}" for frame in range(4)]
    assert (root / "val.txt").read_text().splitlines() == [f"val/{n}.png valannot/{n}.png" for n in names]
    for name in names:
        picture, label = read(root, "val", name)
        assert picture.shape == (72, 96, 3)
        assert label.shape == (72, 96)
        assert label.max() <= 11
    near = [(i, j) for i in range(4) for j in range(4) if 0 < abs(i - j) <= 2]
    assert sorted(path.name for path in (root / "flow" / "val").iterdir()) == sorted(
        f"{names[i]}_to_{names[j]}.npz" for i, j in near
    )


def test_flow_is_stored_as_half_precision_with_validity(root):
    for flow, valid, *_ in pairs(root):
        assert (flow.dtype, flow.shape) == (np.float16, (72, 96, 2))
        assert (valid.dtype, valid.shape) == (bool, (72, 96))
        assert np.isfinite(flow).all()


@pytest.mark.parametrize("rounding", ["up", "even"])
def test_labels_of_the_other_frame_are_this_frames_wherever_flow_is_valid(root, rounding):
    y, x = np.mgrid[:72, :96]
    pixels = still = 0
    for flow, valid, (_, label), (_, other) in pairs(root):
        places = y + flow[..., 1].astype(float), x + flow[..., 0].astype(float)
        row, column = (np.floor(p + 0.5) if rounding == "up" else np.rint(p) for p in places)
        row, column = row[valid].astype(int), column[valid].astype(int)
        assert row.min() >= 0
        assert row.max() < 72
        assert column.min() >= 0
        assert column.max() < 96
        np.testing.assert_array_equal(other[row, column], label[valid])
        pixels += valid.sum()
        still += (other == label)[valid].sum()
    assert pixels > 0.6 * 20 * 72 * 96
    assert still < 0.95 * pixels  # there was something to get wrong


def test_only_what_is_hidden_outside_or_at_an_outline_is_not_valid(root):
    y, x = np.mgrid[:72, :96]
    for flow, valid, (_, label), (_, other) in pairs(root):
        place = y + flow[..., 1].astype(float), x + flow[..., 0].astype(float)
        row, column = (np.floor(p + 0.5).astype(int) for p in place)
        inside = (row >= 0) & (row < 72) & (column >= 0) & (column < 96)
        # far from any change of label in either frame, and landing on its own label: nothing can hide it
        calm = minimum_filter(label, 5) == maximum_filter(label, 5)
        calm_there = (minimum_filter(other, 5) == maximum_filter(other, 5))[row.clip(0, 71), column.clip(0, 95)]
        same = other[row.clip(0, 71), column.clip(0, 95)] == label
        ground = np.isin(label, (0, 3))  # sky and road are one surface each
        plain = inside & calm & calm_there & same & ground
        assert plain.sum() > 200
        assert valid[plain].mean() > 0.99


def test_pictures_warp_as_the_flow_says(root):
    y, x = np.mgrid[:72, :96].astype(float)
    right, wrong = [], []
    for flow, valid, (picture, _), (other, _) in pairs(root):
        for sign, errors in ((1, right), (-1, wrong)):
            places = [y + sign * flow[..., 1], x + sign * flow[..., 0]]
            warped = [map_coordinates(other[..., c].astype(float), places, order=1, mode="nearest") for c in range(3)]
            errors.append(np.abs(np.stack(warped, axis=2) - picture)[valid].mean())
    # the sensor's noise stays
    assert np.mean(right) < 0.6 * np.mean(wrong)
    assert all(one < other for one, other in zip(right, wrong, strict=True))


def test_flow_there_and_back_ends_where_it_began(root):
    y, x = np.mgrid[:72, :96]
    flows = {path.stem: np.load(path) for path in root.glob("flow/train/*.npz")}
    there, back = (flows[name] for name in ("train0000_00001_to_train0000_00002", "train0000_00002_to_train0000_00001"))
    valid, flow = there["valid"], there["flow"].astype(float)
    row, column = (y + flow[..., 1])[valid], (x + flow[..., 0])[valid]
    returned = [map_coordinates(back["flow"][..., c].astype(float), [row, column], order=1) for c in (0, 1)]
    error = np.hypot(returned[0] + flow[..., 0][valid], returned[1] + flow[..., 1][valid])
    assert np.median(error) < 0.05


def shifted_views(shift, index_there, label_there):
    """One row of pixels of surface 0 and label 1, and the same moved by ``shift``, of which a mask changes surface."""
    width = len(index_there)
    move = np.array([[1.0, 0, shift], [0, 1, 0], [0, 0, 1]])
    here = np.zeros((1, width), np.int16)
    colour = np.zeros((1, width, 3), np.float32)
    return (
        View(colour, np.ones((1, width), np.uint8), here, np.stack([np.eye(3)] * 2)),
        View(colour, np.array([label_there], np.uint8), np.array([index_there], np.int16), np.stack([move] * 2)),
    )


@pytest.mark.parametrize(
    ("shift", "stored", "other_pixel", "lost", "kind"),
    [
        (3.0, 3.0, 8, [5], "surface"),  # column 5 lands on column 8
        (3.0, 3.0, 8, [5], "label"),
        (3.5, 3.5, 8, [4, 5], "surface"),  # half way between two pixels either counts as the nearest
        (3.5, 3.5, 8, [4, 5], "label"),
        (515.3, 515.5, 520, [4, 5], "surface"),  # half precision knows halves alone there, and then each second pixel
        (515.3, 515.5, 520, [4, 5], "label"),
        (2049.0, 2048.0, 2055, [6, 7], "surface"),  # column 6 is hidden, and column 7 is led to what hides it
        (2049.0, 2048.0, 2055, [7], "label"),
    ],
)
def test_valid_looks_at_the_pixel_that_stored_flow_leads_to(shift, stored, other_pixel, lost, kind):
    there = np.zeros(2200, int)
    there[other_pixel] = 1
    index, label = (there, np.ones(2200)) if kind == "surface" else (np.zeros(2200), 1 + there)
    flow, valid = exact_flow(*shifted_views(shift, index, label))
    assert (flow[0, :60, 0] == stored).all()
    assert np.flatnonzero(~valid[0, :60]).tolist() == lost


def test_clip_does_not_depend_on_other_clips(root, tmp_path):
    generate(tmp_path / "more", **{**MINI, "train_clips": 2, "val_clips": 0})
    for path in sorted(root.glob("*/train0000*.png")) + sorted(root.glob("flow/train/train0000*.npz")):
        assert path.read_bytes() == (tmp_path / "more" / path.relative_to(root)).read_bytes()
    assert (tmp_path / "more/train/train0001_00000.png").read_bytes() != (
        root / "train/train0000_00000.png"
    ).read_bytes()


def test_same_settings_again_write_nothing_and_others_are_refused(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert generate(root, **MINI)["images"] == {"train": 4, "val": 4, "test": 0}
    with pytest.raises(DataError, match=r"reach 2 \(wanted 1\).*video\.json.*--force"):
        generate(root, **{**MINI, "reach": 1})
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise DataError("disk full")

    monkeypatch.setattr(video, "exact_flow", fail)
    with pytest.raises(DataError, match="disk full"):
        generate(tmp_path / "set", **MINI)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frames": 1}, "frames >= 2"),
        ({"reach": 4}, r"reach of 1\.\.3 .* found 4"),
        ({"reach": 0}, "reach"),
        ({"seed": -1}, "seed >= 0"),
        ({"size": (16, 72)}, "16x72"),
        ({"train_clips": 0, "val_clips": 0}, "at least one clip"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        generate(tmp_path / "set", **{**MINI, **wrong})


@pytest.mark.parametrize("size", [["64", "48"], ["64x48"]])
def test_command_line_writes_the_set(tmp_path, capsys, size):
    few = ["--clips", "1", "--val-clips", "0", "--test-clips", "0", "--frames", "2", "--workers", "1"]
    assert main([str(tmp_path / "set"), *few, "--size", *size]) == 0
    assert "train 2, val 0, test 0; flow to 1 frames before and after" in capsys.readouterr().out
    assert json.loads((tmp_path / "set" / "video.json").read_text())["size"] == [64, 48]
    assert read(tmp_path / "set", "train", "train0000_00001")[0].shape == (48, 64, 3)


def test_command_line_names_what_is_wrong(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    assert main([str(tmp_path), "--clips", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: expected a new or empty folder")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "set"), "--size", "240"])
    assert "--size: expected WIDTHxHEIGHT" in capsys.readouterr().err
