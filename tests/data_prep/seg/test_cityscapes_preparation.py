"""From Cityscapes' downloads to train ids."""

import zipfile

import cv2
import numpy as np
import pytest

from common.errors import DataError
from data_prep.seg.cityscapes import check, main, prepare, prepare_sequences, train_id_table

# The set's published table: label id -> train id, 255 for what is ignored.
TABLE = [255] * 7 + [0, 1, 255, 255, 2, 3, 4, 255, 255, 255, 5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
TABLE += [255, 255, 16, 17, 18]


def write_pair(root, split, city="aachen", number=0, label=None):
    stem = f"{city}_{number:06d}_000019"
    label = np.arange(36, dtype=np.uint8).reshape(6, 6) % 34 if label is None else label
    for part, suffix, array in (
        ("leftImg8bit", "leftImg8bit", np.full((6, 6, 3), 90, np.uint8)),
        ("gtFine", "gtFine_labelIds", label),
    ):
        path = root / part / split / city / f"{stem}_{suffix}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), array)
    return root / "gtFine" / split / city / f"{stem}_gtFine_labelTrainIds.png"


@pytest.fixture
def root(tmp_path):
    for split in ("train", "val"):
        write_pair(tmp_path / "cityscapes", split)
    return tmp_path / "cityscapes"


def test_table_is_the_published_one():
    assert train_id_table().tolist() == TABLE


def test_train_ids_are_written_beside_the_label_ids(root):
    assert prepare(root, allow_partial=True) == {"train": 1, "val": 1, "test": 0}
    written = cv2.imread(str(root / "gtFine/val/aachen/aachen_000000_000019_gtFine_labelTrainIds.png"), -1)
    ids = np.arange(36).reshape(6, 6) % 34
    np.testing.assert_array_equal(written, np.array(TABLE)[ids])
    assert check(root, allow_partial=True) == {"train": 1, "val": 1, "test": 0}


def test_archives_in_the_folder_are_extracted(root, tmp_path):
    other = tmp_path / "packed"
    other.mkdir()
    for part in ("leftImg8bit", "gtFine"):
        with zipfile.ZipFile(other / f"{part}_trainvaltest.zip", "w") as archive:
            archive.writestr("README", "text")
            for path in sorted((root / part).rglob("*.png")):
                archive.write(path, path.relative_to(root))
    assert prepare(other, allow_partial=True) == {"train": 1, "val": 1, "test": 0}
    assert (other / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelTrainIds.png").is_file()
    assert not (other / "README").exists()


def test_damaged_archive_is_named(tmp_path):
    (tmp_path / "leftImg8bit_trainvaltest.zip").write_bytes(b"PK not an archive")
    with pytest.raises(DataError, match=r"leftImg8bit_trainvaltest\.zip damaged"):
        prepare(tmp_path)


def test_nothing_there_says_where_it_looked_and_where_to_get_it(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "https://www.cityscapes-dataset.com" in message
    assert str(tmp_path / "leftImg8bit_trainvaltest.zip") in message
    assert main([str(tmp_path / "absent")]) == 2
    assert str(tmp_path / "absent") in capsys.readouterr().err


def test_part_of_the_set_is_refused_unless_asked_for(root):
    with pytest.raises(DataError, match=r"expected 2975 .* found 1 .*--allow-partial"):
        prepare(root)


def test_label_id_out_of_range_is_named(root):
    path = write_pair(root, "val", number=1, label=np.full((6, 6), 40, np.uint8))
    with pytest.raises(DataError, match=r"\[40\] in .*aachen_000001_000019_gtFine_labelIds"):
        prepare(root, allow_partial=True)
    assert not path.exists()


def test_check_finds_the_missing_label(root):
    with pytest.raises(DataError, match=r"labelTrainIds\.png for .*without --check"):
        check(root, allow_partial=True)


@pytest.mark.parametrize(
    ("label", "message"),
    [(np.full((6, 6), 19, np.uint8), r"found \[19\]"), (np.zeros((6, 5), np.uint8), "6x6.*found 5x6")],
)
def test_check_finds_bad_labels(root, label, message):
    prepare(root, allow_partial=True)
    cv2.imwrite(str(root / "gtFine/val/aachen/aachen_000000_000019_gtFine_labelTrainIds.png"), label)
    with pytest.raises(DataError, match=message):
        check(root, allow_partial=True)


def write_frames(root, split, numbers, city="aachen"):
    folder = root / "leftImg8bit_sequence" / split / city
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{city}_000000_{number:06d}_leftImg8bit.png").write_bytes(b"frame")


def test_frames_around_the_labelled_pictures_are_counted(root):
    for split in ("train", "val"):
        write_frames(root, split, (17, 18, 20, 21))
    assert prepare_sequences(root, 2) == 8


def test_sequence_has_19_frames_before_and_10_after_a_label(root):
    for split in ("train", "val"):
        write_frames(root, split, [*range(19), *range(20, 30)])
    assert prepare_sequences(root, 19) == 58
    with pytest.raises(DataError, match=r"expected 1\.\.19 frames .* found 20"):
        prepare_sequences(root, 20)


def test_missing_frames_are_named_with_their_number(root):
    write_frames(root, "train", (18, 20))
    write_frames(root, "val", (18,))
    with pytest.raises(
        DataError,
        match=r"4 frames up to 1 .* 1 of them are missing .*sequence/val/aachen/aachen_000000_000020_leftImg8",
    ):
        prepare_sequences(root, 1)


def test_only_missing_frames_around_labels_are_extracted(root):
    write_frames(root, "train", (18,))
    with zipfile.ZipFile(root / "leftImg8bit_sequence_trainvaltest.zip", "w") as archive:
        for split in ("train", "val"):
            for number in (17, 18, 20, 21):
                name = f"leftImg8bit_sequence/{split}/aachen/aachen_000000_{number:06d}_leftImg8bit.png"
                archive.writestr(name, b"packed")
    with pytest.raises(DataError, match="run without --check"):
        prepare_sequences(root, 1, only_look=True)
    assert prepare_sequences(root, 1) == 4
    found = sorted((root / "leftImg8bit_sequence").rglob("*.png"))
    assert [(path.parts[-3], path.name[14:20]) for path in found] == [
        ("train", "000018"),
        ("train", "000020"),
        ("val", "000018"),
        ("val", "000020"),
    ]
    assert [path.read_bytes() for path in found] == [b"frame", b"packed", b"packed", b"packed"]


def test_command_line_looks_for_sequences_when_asked(root, capsys):
    for split in ("train", "val"):
        write_frames(root, split, (18, 20))
    assert main([str(root), "--allow-partial", "--sequences", "1"]) == 0
    assert "4 frames around the labelled pictures" in capsys.readouterr().out
    assert main([str(root), "--allow-partial", "--check", "--sequences", "2"]) == 2
    assert "4 of them are missing" in capsys.readouterr().err
