"""Generated slices with organs: what is in them, and what is written."""

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from data_prep.seg.organs import BONE, CLASSES, FAT, generate, main, render_patient

MINI = {"train_patients": 2, "val_patients": 1, "test_patients": 1, "slices": 3, "size": (48, 40), "workers": 1}


def files_of(folder):
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organs") / "organs"
    generate(folder, **MINI)
    return folder


@pytest.fixture(scope="module")
def slices():
    """Pictures and labels of ten patients, as one array each ``[10, 4, 64, 64]``."""
    found = [render_patient((0, 0, patient), (64, 64), 4) for patient in range(10)]
    return tuple(np.array([[pair[kind] for pair in patient] for patient in found]) for kind in (0, 1))


def test_lists_name_grey_pictures_and_labels_of_one_size(root):
    for split, count in (("train", 6), ("val", 3), ("test", 3)):
        lines = (root / f"{split}.txt").read_text().splitlines()
        assert len(lines) == count
        for line in lines:
            image, label = (cv2.imread(str(root / name), cv2.IMREAD_UNCHANGED) for name in line.split())
            assert image.shape == label.shape == (40, 48)
            assert label.max() < len(CLASSES)


def test_pictures_are_the_same_whatever_the_workers_and_the_number_of_patients(root, tmp_path):
    generate(tmp_path / "organs", **{**MINI, "train_patients": 1, "workers": 2})
    fewer, whole = files_of(tmp_path / "organs"), files_of(root)
    same = {name for name in fewer if name.endswith(".png")}
    assert len(same) == 2 * 3 * 3
    assert all(fewer[name] == whole[name] for name in same)


def test_patients_splits_and_seeds_differ(root, tmp_path):
    generate(tmp_path / "organs", **MINI, seed=1)
    pictures = set()
    for folder in (root, tmp_path / "organs"):
        pictures |= {(folder / f"{name}_00.png").read_bytes() for name in ("train/train0000", "train/train0001")}
        pictures.add((folder / "val" / "val0000_00.png").read_bytes())
    assert len(pictures) == 6


def test_every_organ_is_seen_and_background_rules(slices):
    shares = np.bincount(slices[1].ravel(), minlength=len(CLASSES)) / slices[1].size
    assert (shares > 0.001).all()
    assert shares[0] > 0.8
    assert shares[1] > 10 * shares[CLASSES.index("aorta")]


def test_organs_come_and_go_along_the_body(slices):
    labels = slices[1]
    kidney = (labels == CLASSES.index("kidney")).sum((0, 2, 3))
    assert kidney[0] == 0
    assert kidney[-1] > 100
    assert (labels == CLASSES.index("aorta")).any((2, 3)).all()


def test_an_organ_is_smaller_towards_its_end(slices):
    # The liver's half length is 1.1 about -0.5: an ellipsoid's cut at 0.25 has 1 - (0.75 / 1.1)^2 of the middle's area,
    # at -0.25 1 - (0.25 / 1.1)^2.
    area = (slices[1] == CLASSES.index("liver")).sum((0, 2, 3))
    assert area[2] / area[1] == pytest.approx(0.535 / 0.948, abs=0.15)


def test_every_slice_has_its_own_noise(slices):
    for patient in slices[0]:
        corners = patient[:, :6, :6].reshape(len(patient), -1)  # air
        correlation = np.corrcoef(corners)
        assert (np.abs(correlation[~np.eye(len(corners), dtype=bool)]) < 0.8).all()


def test_organs_differ_in_contrast_and_kinds_overlap_in_grey(slices):
    pictures, labels = slices
    levels = {name: pictures[labels == value] for value, name in enumerate(CLASSES)}
    assert FAT < levels["pancreas"].mean() < levels["liver"].mean() < levels["kidney"].mean() < BONE
    assert levels["liver"].mean() - levels["pancreas"].mean() < 2 * levels["liver"].std()


def test_borders_are_blurred_and_areas_noisy(slices):
    pictures, labels = slices
    inner = np.stack([cv2.erode((each == 1).astype(np.uint8), np.ones((7, 7))) > 0 for each in labels[:, 1]])
    inside = pictures[:, 1][inner].astype(float)
    steps = np.abs(np.diff(pictures[:, 1].astype(float), axis=1))
    beside = np.diff((labels[:, 1] == 1).astype(int), axis=1) != 0
    assert 4 < inside.std() < 20
    # from the liver (138 on average) to muscle (105) or fat (60), a sharp border would step by 33 at least
    assert np.median(steps[beside]) < 25


def test_same_settings_write_nothing_and_others_are_refused(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert generate(root, **MINI)["images"] == {"train": 6, "val": 3, "test": 3}
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    with pytest.raises(DataError, match=r"seed 0 \(wanted 5\).*organs\.json.*--force"):
        generate(root, **MINI, seed=5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"train_patients": -1}, "no split below 0, but found"),
        ({"slices": 0}, "slices >= 1 .* but found 0"),
        ({"size": (16, 64)}, "at least 32x32 but found 16x64"),
    ],
)
def test_settings_out_of_range_are_named(setting, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        generate(tmp_path / "organs", **{**MINI, **setting})
    assert not list(tmp_path.iterdir())


def test_command_line_tells_what_there_is(tmp_path, capsys):
    out = tmp_path / "organs"
    patients = ["--patients", "1", "--val-patients", "0", "--test-patients", "0"]
    main(["--out", str(out), *patients, "--slices", "1", "--size", "40x32", "--workers", "1"])
    assert f"{out}: slices: train 1, val 0, test 0" in capsys.readouterr().out
    assert cv2.imread(str(out / "train" / "train0000_00.png"), -1).shape == (32, 40)
