"""Pascal Context's annotations, from either of their forms, to labels of 59 classes."""

import json

import cv2
import numpy as np
import pytest
from faster_coco_eval.core import mask as runs
from mmseg.datasets import PascalContextDataset59
from scipy.io import savemat
from small_segmentors import write_pascal_context

from common.errors import DataError
from data_prep.seg.pascal_context import CATEGORIES, check, label_table, main, prepare

SIZE = (6, 8)  # height, width
PARTS = {"train": ["2008_000002"], "val": ["2008_000003", "2010_000001"]}
# Aeroplane below, sky above, and grass over a corner of both.
ANNOTATED = np.full(SIZE, 2)
ANNOTATED[:3] = 360
ANNOTATED[2:4, :2] = 187
NAMES = list(CATEGORIES.values())
EXPECTED = np.full(SIZE, 1 + NAMES.index("aeroplane"))
EXPECTED[:3] = 1 + NAMES.index("sky")
EXPECTED[2:4, :2] = 1 + NAMES.index("grass")


def segment(pixels, packed=True):
    """A mask as COCO's run lengths."""
    if packed:
        found = runs.encode(np.asfortranarray(pixels.astype(np.uint8)))
        return {"size": found["size"], "counts": found["counts"].decode()}
    flat = pixels.flatten(order="F")
    changes = np.flatnonzero(np.diff(flat.astype(int))) + 1
    lengths = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(SIZE), "counts": [0, *lengths] if flat[0] else lengths}


def detail(packed=True):
    """The annotations as PASCAL in Detail has them; grass comes last and covers what is below."""
    images, segments = [], []
    for part, names in PARTS.items():
        for name in names:
            number = int(name.replace("_", ""))
            images.append({"image_id": number, "file_name": f"{name}.jpg", "height": 6, "width": 8, "phase": part})
            whole = np.ones(SIZE, bool)
            for category, pixels in ((2, whole), (360, np.arange(6)[:, None] < 3), (187, ANNOTATED == 187)):
                found = segment(whole & pixels, packed)
                segments.append({"image_id": number, "category_id": category, "segmentation": found})
    return {"images": images, "annos_segmentation": segments}


@pytest.fixture
def root(tmp_path):
    """VOC 2010 as it is extracted, with the pictures of `PARTS`."""
    root = tmp_path / "VOCdevkit" / "VOC2010"
    (root / "JPEGImages").mkdir(parents=True)
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for part, names in PARTS.items():
        (root / "ImageSets" / "Main" / f"{part}.txt").write_text("\n".join([*names, "2009_999999"]) + "\n")
        for name in names:
            cv2.imwrite(str(root / "JPEGImages" / f"{name}.jpg"), np.full((*SIZE, 3), 90, np.uint8))
    return root


@pytest.fixture
def annotations(tmp_path):
    path = tmp_path / "trainval_merged.json"
    path.write_text(json.dumps(detail()))
    return path


@pytest.fixture
def mats(tmp_path):
    folder = tmp_path / "trainval"
    folder.mkdir()
    for name in (name for names in PARTS.values() for name in names):
        savemat(folder / f"{name}.mat", {"LabelMap": ANNOTATED.astype(np.uint16)})
    return folder


def written(root, name="2010_000001"):
    return cv2.imread(str(root / "SegmentationClassContext" / f"{name}.png"), -1)


def test_names_are_mmsegs_in_its_order():
    assert tuple(NAMES) == tuple(PascalContextDataset59.METAINFO["classes"])
    assert list(CATEGORIES) == sorted(CATEGORIES)


def test_categories_that_are_none_of_the_59_become_0():
    table = label_table()
    assert (table[0], table[1], table[2], table[458], table[459]) == (0, 0, 1, 59, 0)
    assert np.count_nonzero(table) == 59


@pytest.mark.parametrize("packed", [True, False])
def test_segments_of_the_json_file_become_labels_and_lists(root, tmp_path, packed):
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(detail(packed)))
    assert prepare(root, path, allow_partial=True) == {"train": 1, "val": 2}
    np.testing.assert_array_equal(written(root), EXPECTED)
    lists = root / "ImageSets" / "SegmentationContext"
    assert {part: (lists / f"{part}.txt").read_text().split() for part in PARTS} == PARTS
    assert check(root, allow_partial=True) == {"train": 1, "val": 2}


def test_mat_files_give_the_same_with_the_parts_of_voc(root, mats):
    assert prepare(root, mats, allow_partial=True) == {"train": 1, "val": 2}
    np.testing.assert_array_equal(written(root), EXPECTED)
    assert (root / "ImageSets" / "SegmentationContext" / "val.txt").read_text().split() == PARTS["val"]


def test_annotations_are_found_above_the_folder(root, annotations):
    assert prepare(root, allow_partial=True) == {"train": 1, "val": 2}
    np.testing.assert_array_equal(written(root), EXPECTED)


def test_labels_that_are_there_are_left_as_they_are(root, annotations):
    prepare(root, annotations, allow_partial=True)
    path = root / "SegmentationClassContext" / "2010_000001.png"
    cv2.imwrite(str(path), np.zeros(SIZE, np.uint8))
    prepare(root, annotations, allow_partial=True)
    assert not written(root).any()


def test_missing_things_are_named(root, tmp_path, capsys):
    assert main([str(root)]) == 2
    assert "trainval_merged.json" in capsys.readouterr().err
    assert main([str(root), "--annotations", str(tmp_path / "absent.json")]) == 2
    assert str(tmp_path / "absent.json") in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path / "JPEGImages") in message
    assert "VOCtrainval_03-May-2010.tar" in message
    assert main([str(root), "--check"]) == 2
    assert "train.txt" in capsys.readouterr().err


def test_missing_picture_is_named_and_no_list_is_written(root, annotations):
    (root / "JPEGImages" / "2008_000003.jpg").unlink()
    with pytest.raises(DataError, match=r"2008_000003\.jpg"):
        prepare(root, annotations, allow_partial=True)
    assert not (root / "ImageSets" / "SegmentationContext").exists()


def test_part_of_the_set_is_refused_unless_asked_for(root, annotations):
    with pytest.raises(DataError, match=r"expected 4998 pictures of train but found 1 .*--allow-partial"):
        prepare(root, annotations)


def change_category(content):
    content["annos_segmentation"][-1]["category_id"] = 7


def change_runs(content):
    content["annos_segmentation"][-1]["segmentation"] = {"size": [3, 3], "counts": [9]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_category, r"59 categories but found 7 of 2010_000001"),
        (change_runs, r"2010_000001 in .*trainval_merged\.json"),
        (lambda content: content.pop("images"), "KeyError"),
    ],
)
def test_malformed_json_is_named(root, annotations, change, message):
    content = detail()
    change(content)
    annotations.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        prepare(root, annotations, allow_partial=True)


@pytest.mark.parametrize("content", [{"Other": ANNOTATED}, {"LabelMap": ANNOTATED + 200}])
def test_malformed_mat_file_is_named(root, mats, content):
    savemat(mats / "2010_000001.mat", content)
    with pytest.raises(DataError, match=r"2010_000001\.mat"):
        prepare(root, mats, allow_partial=True)


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.full((72, 96), 60, np.uint8), r"0\.\.59 but found \[60\]"), (np.zeros((72, 95), np.uint8), "found 95x72")],
)
def test_check_finds_bad_labels(tmp_path, values, message):
    root = write_pascal_context(tmp_path)
    assert check(root, allow_partial=True) == {"train": 2, "val": 2}
    cv2.imwrite(str(root / "SegmentationClassContext" / "2008_000003.png"), values)
    with pytest.raises(DataError, match=message):
        check(root, allow_partial=True)
