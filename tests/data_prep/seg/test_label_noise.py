"""Label noise: what happens to an object, and the lists of a noisy set."""

import json
import shutil

import cv2
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from data_prep.seg.label_noise import Noise, copy_with_noise, main, noisy_label

ONLY = {
    kind: tuple(float(kind == other) for other in ("shifted", "dilated", "eroded", "dropped"))
    for kind in ("shifted", "dilated", "eroded", "dropped")
}


def square():
    """A building of 9x9 in a field of road, with void at the left."""
    label = np.full((40, 40), 3, np.uint8)
    label[15:24, 15:24] = 1
    label[:, :3] = 11
    return label


def noised(label, seed=0, **settings):
    return noisy_label(label, Noise(**{"share": 1.0, **settings}), np.random.default_rng(seed))


def test_a_share_of_0_changes_nothing():
    label, counts = noised(square(), share=0.0)
    np.testing.assert_array_equal(label, square())
    assert counts == {"objects": 1, "shifted": 0, "dilated": 0, "eroded": 0, "dropped": 0, "pixels": 1600, "changed": 0}


def test_a_dropped_object_gets_the_label_around_it():
    label, counts = noised(square(), kinds=ONLY["dropped"])
    expected = np.where(square() == 1, 3, square())
    np.testing.assert_array_equal(label, expected)
    assert (counts["dropped"], counts["changed"]) == (1, 81)


def test_bare_pixels_get_the_nearest_label():
    label = np.full((20, 31), 3, np.uint8)
    label[:, 16:] = 4
    label[5:15, 10:21] = 1
    filled = noised(label, kinds=ONLY["dropped"])[0]
    assert (filled[8:12, 10:12] == 3).all()
    assert (filled[8:12, 19:21] == 4).all()


def test_a_shifted_object_keeps_its_shape_and_goes_by_half_to_all_of_the_shift():
    for seed in range(8):
        label = noised(square(), seed, shift=8.0, kinds=ONLY["shifted"])[0]
        rows, columns = np.nonzero(label == 1)
        assert len(rows) == 81
        moved = np.hypot(rows.mean() - 19, columns.mean() - 19)
        assert 4 - 0.71 <= moved <= 8 + 0.71  # steps of whole pixels


def test_the_objects_of_a_picture_go_in_one_direction():
    label = np.full((120, 120), 3, np.uint8)
    middles = [(30, 30), (30, 90), (90, 30), (90, 90)]
    for row, column in middles:
        label[row - 2 : row + 3, column - 2 : column + 3] = 1
    moved = noised(label, shift=20.0, kinds=ONLY["shifted"])[0]
    centres = cv2.connectedComponentsWithStats((moved == 1).astype(np.uint8))[3][1:]
    nearest = [min(centres, key=lambda c: np.hypot(c[0] - x, c[1] - y)) - (x, y) for y, x in middles]
    angles = np.unwrap([np.arctan2(y, x) for x, y in nearest])
    assert np.ptp(angles) < 0.2


@pytest.mark.parametrize(("kind", "grows"), [("dilated", True), ("eroded", False)])
def test_outlines_move_by_the_radius_at_most(kind, grows):
    mask = square() == 1
    element = np.ones((5, 5), np.uint8)
    larger, smaller = (change(mask.astype(np.uint8), element) > 0 for change in (cv2.dilate, cv2.erode))
    inner, outer = (mask, larger) if grows else (smaller, mask)
    for seed in range(6):
        found = noised(square(), seed, radius=2, kinds=ONLY[kind])[0] == 1
        assert (inner <= found).all()
        assert (found <= outer).all()
        assert (found.sum() > mask.sum()) == grows


def test_void_stays_void():
    label = square()
    label[15:24, 3:12] = 1  # beside void
    for seed in range(6):
        found = noised(label, seed, shift=10.0, radius=3)[0]
        np.testing.assert_array_equal(found == 11, label == 11)


def test_other_classes_are_no_objects():
    label = np.full((40, 40), 3, np.uint8)
    label[10:20, 10:20] = 5  # a tree
    found, counts = noised(label)
    np.testing.assert_array_equal(found, label)
    assert counts["objects"] == 0


def test_the_share_and_the_kinds_are_those_asked_for():
    label = np.full((200, 200), 3, np.uint8)
    label[5::10, 5::10] = 1  # 400 objects of a pixel
    counts = noised(label, share=0.6, shift=2.0, kinds=(2.0, 1.0, 0.0, 1.0))[1]
    touched = counts["shifted"] + counts["dilated"] + counts["dropped"]
    assert counts["objects"] == 400
    assert counts["eroded"] == 0
    assert touched == pytest.approx(240, abs=4 * np.sqrt(400 * 0.6 * 0.4))
    assert counts["shifted"] == pytest.approx(touched / 2, abs=4 * np.sqrt(touched / 4))


@pytest.fixture(scope="module")
def noisy(small_camvid, tmp_path_factory):
    root = tmp_path_factory.mktemp("noisy") / "noisy"
    return root, copy_with_noise(small_camvid, root, clean_every=4, workers=1)


def pairs(root, name):
    return [line.split() for line in (root / f"{name}.txt").read_text().splitlines()]


def test_lists_part_the_training_pictures(noisy):
    root, found = noisy
    assert (found["noisy"], found["clean"]) == (6, 2)
    assert [image for image, _ in pairs(root, "clean")] == ["train/000.png", "train/004.png"]
    assert {label.split("/")[0] for _, label in pairs(root, "noisy")} == {"trainnoisy"}
    everything = pairs(root, "noisy") + pairs(root, "clean")
    assert pairs(root, "mixed") == everything
    assert sorted(image for image, _ in everything) == [image for image, _ in pairs(root, "train")]
    assert all((root / name).is_file() for pair in everything for name in pair)


def test_pictures_and_clean_labels_are_copies(noisy, small_camvid):
    root, _ = noisy
    for split in ("train", "val", "test"):
        assert pairs(root, split) == pairs(small_camvid, split)
        for name in (each for pair in pairs(root, split) for each in pair):
            assert (root / name).read_bytes() == (small_camvid / name).read_bytes()


def test_counts_are_those_of_the_written_labels(noisy):
    root, found = noisy
    names = sorted(path.name for path in (root / "trainnoisy").iterdir())
    read = [[cv2.imread(str(root / part / name), -1) for part in ("trainannot", "trainnoisy")] for name in names]
    assert sum(int((own != new).sum()) for own, new in read) == found["changed"] > 0
    assert found["pixels"] == sum(own.size for own, _ in read)
    assert json.loads((root / "label_noise_counts.json").read_text()) == found


def test_labels_depend_on_seed_and_name_alone(noisy, small_camvid, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    copy_with_noise(small_camvid, again, clean_every=2, workers=2)  # other pictures are noisy, the same have the same
    copy_with_noise(small_camvid, other, clean_every=4, seed=1, workers=1)
    names = {path.name for path in (again / "trainnoisy").iterdir()}
    first, second, third = ({n: (r / "trainnoisy" / n).read_bytes() for n in names} for r in (noisy[0], again, other))
    assert first == second
    assert first != third


def test_equal_labels_of_two_pictures_get_noise_of_their_own(small_camvid, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(small_camvid, source)
    shutil.copyfile(source / "trainannot" / "001.png", source / "trainannot" / "002.png")
    copy_with_noise(source, tmp_path / "noisy", workers=1)
    first, second = ((tmp_path / "noisy" / "trainnoisy" / name).read_bytes() for name in ("001.png", "002.png"))
    assert first != second


def test_the_same_again_writes_nothing_and_other_settings_are_refused(noisy, small_camvid):
    root, found = noisy
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert copy_with_noise(small_camvid, root, clean_every=4) == found
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    with pytest.raises(DataError, match=r"share 0\.6 \(wanted 0\.3\).*label_noise\.json.*--force"):
        copy_with_noise(small_camvid, root, Noise(share=0.3), clean_every=4)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"share": 1.5}, "between 0 and 1 but found 1.5"),
        ({"radius": 0}, "radius >= 1 but found"),
        ({"kinds": (0, 0, 0, 0)}, "not all 0, but found"),
        ({"classes": (1, 11)}, "other than void, 11, but found"),
    ],
)
def test_settings_out_of_range_are_named(setting, message, small_camvid, tmp_path):
    with pytest.raises(ConfigError, match=message):
        copy_with_noise(small_camvid, tmp_path / "noisy", Noise(**setting))
    assert not list(tmp_path.iterdir())


def test_what_is_missing_or_malformed_is_named(small_camvid, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    with pytest.raises(DataError, match=r"found no .*train\.txt"):
        copy_with_noise(source, tmp_path / "noisy")
    (source / "train.txt").write_text("/elsewhere/a.png trainannot/a.png\n")
    with pytest.raises(DataError, match=r"both below .* but found .*train\.txt \(line 1\)"):
        copy_with_noise(source, tmp_path / "noisy")
    (source / "train").mkdir()
    (source / "train" / "a.png").write_bytes((small_camvid / "train" / "000.png").read_bytes())
    (source / "train.txt").write_text("train/a.png trainannot/a.png\n")
    with pytest.raises(DataError, match=r"expected the label .*trainannot/a\.png"):
        copy_with_noise(source, tmp_path / "noisy")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_command_line_tells_what_became_noisy(small_camvid, tmp_path, capsys):
    out = tmp_path / "noisy"
    main([str(small_camvid), "--out", str(out), "--clean-every", "4", "--kinds", "0", "0", "0", "1", "--workers", "1"])
    told = capsys.readouterr().out
    assert f"{out}: 6 pictures with noisy labels, 2 with clean ones" in told
    assert " 0 shifted, 0 dilated, 0 eroded" in told
