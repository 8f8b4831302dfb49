"""ADE20K's archive and its layout."""

import zipfile

import cv2
import numpy as np
import pytest
from mmseg.datasets import ADE20KDataset
from small_segmentors import write_ade20k

from common.errors import DataError
from data_prep.seg.ade20k import CLASSES, check, main, prepare


@pytest.fixture
def root(tmp_path):
    return write_ade20k(tmp_path / "ADEChallengeData2016")


def label(root, name="ADE_val_00000001"):
    return root / "annotations" / "validation" / f"{name}.png"


@pytest.mark.parametrize("inside", [False, True])
def test_archive_is_extracted_where_it_lies(root, tmp_path, inside):
    other = tmp_path / "packed" / "ADEChallengeData2016"
    other.mkdir(parents=True)
    place = other if inside else other.parent
    with zipfile.ZipFile(place / "ADEChallengeData2016.zip", "w") as archive:
        archive.writestr("ADEChallengeData2016/objectInfo150.txt", "text")
        for path in sorted(root.rglob("*.*")):
            archive.write(path, path.relative_to(root.parent))
    assert prepare(other, allow_partial=True) == {"training": 2, "validation": 2}
    assert check(other, allow_partial=True) == {"training": 2, "validation": 2}
    assert label(other).read_bytes() == label(root).read_bytes()


def test_damaged_archive_is_named(tmp_path):
    (tmp_path / "ADEChallengeData2016.zip").write_bytes(b"PK not an archive")
    with pytest.raises(DataError, match=r"ADEChallengeData2016\.zip damaged"):
        prepare(tmp_path / "ADEChallengeData2016")


@pytest.mark.parametrize("name", ["ADEChallengeData2016/../a.jpg", "other/images/a.jpg", "a.png"])
def test_archive_of_other_names_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "ADEChallengeData2016.zip", "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(DataError, match=r"expected names below ADEChallengeData2016/ but found '" + name):
        prepare(tmp_path / "ADEChallengeData2016")
    assert not list(tmp_path.rglob("a.*"))


def test_nothing_there_says_where_it_looked_and_where_to_get_it(tmp_path, capsys):
    assert main([str(tmp_path / "ADEChallengeData2016")]) == 2
    message = capsys.readouterr().err
    assert "http://data.csail.mit.edu" in message
    assert str(tmp_path / "ADEChallengeData2016.zip") in message


def test_part_of_the_set_is_refused_unless_asked_for(root):
    with pytest.raises(DataError, match=r"expected 20210 .* found 2 .*--allow-partial"):
        prepare(root)


def test_missing_label_is_named(root):
    label(root).unlink()
    for look in (prepare, check):
        with pytest.raises(DataError, match=r"ADE_val_00000001\.png for .*found none"):
            look(root, allow_partial=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((72, 96), 151, np.uint8), r"0\.\.150 but found \[151\]"),
        (np.zeros((72, 95), np.uint8), "96x72.*found 95x72"),
        (np.zeros((72, 96, 3), np.uint8), "one 8-bit channel"),
    ],
)
def test_check_finds_bad_labels(root, values, message):
    cv2.imwrite(str(label(root)), values)
    with pytest.raises(DataError, match=message):
        check(root, allow_partial=True)


def test_check_command_on_a_good_folder(root, capsys):
    assert main([str(root), "--check", "--allow-partial"]) == 0
    assert "training 2, validation 2" in capsys.readouterr().out


def test_mmseg_has_as_many_classes():
    assert len(ADE20KDataset.METAINFO["classes"]) == CLASSES
