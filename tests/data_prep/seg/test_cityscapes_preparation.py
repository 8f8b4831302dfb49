"""From Cityscapes' downloads to train ids."""

import zipfile

import cv2
import numpy as np
import pytest

from common.errors import DataError
from data_prep.seg.cityscapes import check, main, prepare, train_id_table

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
