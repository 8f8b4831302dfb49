"""From CamVid's downloads to the layout that the loader reads."""

import cv2
import numpy as np
import pytest

from common.errors import DataError
from common.palettes import CAMVID_CLASSES, CAMVID_COLOURS_32, CAMVID_MERGES, CAMVID_PALETTE
from data_prep.seg.camvid import check, colour_table, convert, label_from_colours, main, split_of

NAMES = {
    "train": ["0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08640"],
    "val": ["0016E5_07959", "0016E5_08159"],
    "test": ["0001TP_008550", "Seq05VD_f00000"],
}
# a name of the 32, RGB, class in the 11 (None: void)
COLOURS = [
    ("Sky", (128, 128, 128), "Sky"),
    ("LaneMkgsDriv", (128, 0, 192), "Road"),
    ("Sidewalk", (0, 0, 192), "Pavement"),
    ("Truck_Bus", (192, 128, 192), "Car"),
    ("Wall", (64, 192, 0), "Building"),
    ("MotorcycleScooter", (192, 0, 192), "Bicyclist"),
    ("Void", (0, 0, 0), None),
]


def write(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1] if rgb.ndim == 3 else rgb)


@pytest.fixture
def original(tmp_path):
    """The original layout: one folder of pictures, one of colour labels with a stripe for each of `COLOURS`."""
    stripes = np.repeat(np.array([colour for _, colour, _ in COLOURS], np.uint8)[None], 6, axis=0)
    for name in (name for names in NAMES.values() for name in names):
        write(tmp_path / "download" / "701_StillsRaw_full" / f"{name}.png", np.full((6, 7, 3), 50, np.uint8))
        write(tmp_path / "download" / "LabeledApproved_full" / f"{name}_L.png", stripes)
    return tmp_path / "download"


def test_original_labels_are_merged_to_eleven_classes_and_void(original, tmp_path):
    convert(original, tmp_path / "out")
    label = cv2.imread(str(tmp_path / "out" / "valannot" / "0016E5_07959.png"), -1)
    expected = [11 if new is None else CAMVID_CLASSES.index(new) for _, _, new in COLOURS]
    np.testing.assert_array_equal(label, np.tile(expected, (6, 1)))


def test_pictures_are_split_by_sequence(original, tmp_path):
    counts = convert(original, tmp_path / "out")
    assert counts == {split: len(names) for split, names in NAMES.items()}
    for split, names in NAMES.items():
        lines = (tmp_path / "out" / f"{split}.txt").read_text().splitlines()
        assert lines == [f"{split}/{name}.png {split}annot/{name}.png" for name in sorted(names)]
        assert sorted(path.stem for path in (tmp_path / "out" / split).iterdir()) == sorted(names)


def test_split_agrees_with_the_lists_of_the_real_set(shared_data):
    for split in ("train", "val", "test"):
        for line in (shared_data / "camvid" / f"{split}.txt").read_text().splitlines():
            assert split_of(line.split()[0].split("/")[1].removesuffix(".jpg")) == split


def test_ignore_rest_drops_the_other_twenty_one_classes():
    table = colour_table("ignore-rest")
    values = {name: int(table[r << 16 | g << 8 | b]) for name, (r, g, b) in CAMVID_COLOURS_32.items()}
    assert sum(value == 11 for value in values.values()) == 21
    assert values["Column_Pole"] == CAMVID_CLASSES.index("Pole")
    assert values["LaneMkgsDriv"] == values["Wall"] == 11


def test_segnet_merge_uses_every_class_once_and_leaves_void_alone():
    merged = [old for members in CAMVID_MERGES["segnet"].values() for old in members]
    assert len(merged) == len(set(merged)) == 31
    assert set(CAMVID_COLOURS_32) - set(merged) == {"Void"}
    assert len(set(CAMVID_COLOURS_32.values())) == 32


def test_original_colours_agree_with_the_palette_where_the_classes_are_the_same():
    for name, colour in zip(CAMVID_CLASSES, CAMVID_PALETTE, strict=True):
        # the eleven-class sets show Pavement in a colour of their own
        if name not in ("Pavement",):
            assert CAMVID_COLOURS_32[{"Pole": "Column_Pole"}.get(name, name)] == colour


def test_unknown_colour_names_file_colour_and_pixels(tmp_path):
    label = np.zeros((4, 5, 3), np.uint8)
    label[1, :3] = (1, 2, 3)
    with pytest.raises(DataError, match=r"x_L\.png.*\(1, 2, 3\) in 3 pixels"):
        label_from_colours(label, colour_table("segnet"), tmp_path / "x_L.png")


def test_failed_conversion_leaves_nothing_behind(original, tmp_path):
    write(original / "LabeledApproved_full" / "0016E5_08640_L.png", np.full((6, 7, 3), 77, np.uint8))
    with pytest.raises(DataError, match="0016E5_08640_L"):
        convert(original, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["download"]


def test_lists_override_the_split(original, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    for split, name in (("train", "0016E5_07959"), ("val", "0006R0_f00930"), ("test", "0001TP_006690")):
        (lists / f"{split}.txt").write_text(
            f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png\n"
        )
    assert convert(original, tmp_path / "out", lists=lists) == {"train": 1, "val": 1, "test": 1}
    assert (tmp_path / "out" / "train" / "0016E5_07959.png").is_file()


def test_resizing_keeps_label_values(original, tmp_path):
    convert(original, tmp_path / "out", size=(14, 12))
    label = cv2.imread(str(tmp_path / "out" / "trainannot" / "0016E5_00390.png"), -1)
    assert label.shape == (12, 14)
    assert set(np.unique(label)) == {0, 1, 3, 4, 8, 10, 11}
    assert cv2.imread(str(tmp_path / "out" / "train" / "0016E5_00390.png")).shape == (12, 14, 3)


def test_segnet_download_is_taken_as_it_is(tmp_path):
    for split, names in NAMES.items():
        for name in names:
            write(tmp_path / "segnet" / split / f"{name}.png", np.full((6, 7, 3), 50, np.uint8))
            write(tmp_path / "segnet" / f"{split}annot" / f"{name}.png", np.full((6, 7), 11, np.uint8))
    counts = convert(tmp_path / "segnet", tmp_path / "out")
    assert counts == {split: len(names) for split, names in NAMES.items()}
    assert check(tmp_path / "out") == counts


def test_missing_picture_is_named(original, tmp_path):
    (original / "701_StillsRaw_full" / "0016E5_00390.png").unlink()
    with pytest.raises(DataError, match=r"0016E5_00390\.png"):
        convert(original, tmp_path / "out")


def test_empty_download_says_where_it_looked_and_where_to_get_it(tmp_path, capsys):
    (tmp_path / "download").mkdir()
    assert main([str(tmp_path / "download"), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "download") in message
    assert "CamVid is at http" in message


def test_existing_files_are_refused(original, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(DataError, match="empty folder"):
            convert(original, tmp_path / "out", force=force)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, r"0016E5_08159\.png.*found none"),
        (np.zeros((5, 7), np.uint8), "7x6.*7x5"),
        (np.full((6, 7), 12, np.uint8), r"0\.\.11 but found \[12\]"),
        (np.zeros((6, 7, 3), np.uint8), "one channel"),
    ],
)
def test_check_names_the_first_bad_label(original, tmp_path, label, message):
    convert(original, tmp_path / "out")
    path = tmp_path / "out" / "valannot" / "0016E5_08159.png"
    path.unlink()
    if label is not None:
        write(path, label)
    with pytest.raises(DataError, match=message) as error:
        check(tmp_path / "out")
    assert str(path) in str(error.value)


def test_check_command_on_a_good_folder(original, tmp_path, capsys):
    assert main([str(original), "--out", str(tmp_path / "out")]) == 0
    assert main([str(tmp_path / "out"), "--check"]) == 0
    assert capsys.readouterr().out.count("train 5, val 2, test 2") == 2
