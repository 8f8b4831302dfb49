"""CamVid and own data for mmseg, and what is said about files that are not as they should be."""

import re
import runpy

import cv2
import numpy as np
import pytest
from conftest import ROOT
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, TRANSFORMS

from common.checked_image import CheckedImage
from common.checkpoint import read_checkpoint
from common.errors import ConfigError, DataError
from data_prep.seg.synthetic import generate
from tasks.seg.datasets import CamVidDataset, CheckedAnnotations, ListedSegDataset

PIPELINE = [{"type": "CheckedImage"}, {"type": "CheckedAnnotations"}]


@pytest.fixture(autouse=True)
def _names_of_mmseg():
    with DefaultScope.overwrite_default_scope("mmseg"):
        yield


@pytest.fixture
def root(tmp_path):
    """Two pictures in each split; the labels hold a pixel of each value 0..11."""
    for split in ("train", "val", "test"):
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        lines = []
        for name in ("a_00001", "a_00002"):
            cv2.imwrite(str(tmp_path / split / f"{name}.png"), np.full((3, 4, 3), 60, np.uint8))
            label = np.arange(12, dtype=np.uint8).reshape(3, 4)
            cv2.imwrite(str(tmp_path / f"{split}annot" / f"{name}.png"), label)
            lines.append(f"{split}/{name}.png {split}annot/{name}.png\n")
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    return tmp_path


@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 173)])
def test_real_camvid_has_eleven_classes_and_ignored_void(shared_data, split, count):
    dataset = CamVidDataset(shared_data / "camvid", split=split, pipeline=PIPELINE)
    assert len(dataset) == count
    values = set()
    for index in range(0, count, 20):
        sample = dataset[index]
        assert sample["img"].shape == (360, 480, 3)
        assert sample["gt_seg_map"].shape == (360, 480)
        values |= set(np.unique(sample["gt_seg_map"]).tolist())
    assert values == {*range(11), 255}


def test_generated_data_loads_in_the_same_way(tmp_path):
    generate(tmp_path / "street", train_clips=1, val_clips=0, test_clips=0, frames=1, size=(64, 48), workers=1)
    label = CamVidDataset(tmp_path / "street", pipeline=PIPELINE)[0]["gt_seg_map"]
    assert label.shape == (48, 64)
    assert set(np.unique(label).tolist()) <= {*range(11), 255}


def test_registered_under_the_names_that_configs_use(root):
    dataset = DATASETS.build({"type": "CamVidDataset", "data_root": str(root), "pipeline": PIPELINE})
    assert dataset.metainfo["classes"][3] == "Road"
    assert dataset.metainfo["palette"][3] == [128, 64, 128]
    assert TRANSFORMS.get("CheckedImage") is CheckedImage
    assert TRANSFORMS.get("CheckedAnnotations") is CheckedAnnotations


def test_void_becomes_ignored_and_the_rest_stays(root):
    label = CamVidDataset(root, pipeline=PIPELINE)[0]["gt_seg_map"]
    np.testing.assert_array_equal(label.ravel(), [*range(11), 255])


def test_subset_of_classes_is_renumbered_and_the_rest_ignored(root):
    dataset = CamVidDataset(root, metainfo={"classes": ("Road", "Car")}, pipeline=PIPELINE)
    expected = np.full(12, 255)
    expected[[3, 8]] = 0, 1
    np.testing.assert_array_equal(dataset[0]["gt_seg_map"].ravel(), expected)


def test_absolute_paths_of_the_published_lists_are_mapped_by_their_last_parts(root):
    line = "/SegNet/CamVid/val/a_00002.png /SegNet/CamVid/valannot/a_00002.png\n"
    (root / "val.txt").write_text(line)
    (entry,) = (CamVidDataset(root, split="val").get_data_info(index) for index in range(1))
    assert entry["img_path"] == str(root / "val" / "a_00002.png")
    assert entry["seg_map_path"] == str(root / "valannot" / "a_00002.png")


def test_other_suffix_is_found(root):
    image = cv2.imread(str(root / "train" / "a_00001.png"))
    (root / "train" / "a_00001.png").unlink()
    cv2.imwrite(str(root / "train" / "a_00001.jpg"), image)
    assert CamVidDataset(root).get_data_info(0)["img_path"] == str(root / "train" / "a_00001.jpg")


def test_own_list_file_is_used(root):
    (root / "few.txt").write_text("train/a_00002.png trainannot/a_00002.png\n")
    assert len(CamVidDataset(root, ann_file="few.txt")) == 1
    assert len(CamVidDataset(root, ann_file=str(root / "few.txt"))) == 1


def test_folder_is_read_where_there_is_no_list(root):
    (root / "train.txt").unlink()
    dataset = CamVidDataset(root)
    assert [dataset.get_data_info(index)["img_path"][-11:] for index in range(2)] == ["a_00001.png", "a_00002.png"]


def test_missing_folder_says_where_it_looked_and_what_prepares_it(tmp_path):
    with pytest.raises(DataError, match=r"nowhere; .*data_prep/seg/camvid\.py.*data_prep/seg/synthetic\.py"):
        CamVidDataset(tmp_path / "nowhere")


def test_empty_folder_says_where_it_looked_and_what_prepares_it(tmp_path):
    with pytest.raises(DataError, match=r"train\.txt.*data_prep/seg/camvid\.py"):
        CamVidDataset(tmp_path)


def test_missing_own_list_is_named(root):
    with pytest.raises(DataError, match=r"few\.txt.*ann_file"):
        CamVidDataset(root, ann_file="few.txt")


@pytest.mark.parametrize("with_list", [True, False])
def test_picture_without_label_is_named(root, with_list):
    (root / "trainannot" / "a_00002.png").unlink()
    if not with_list:
        (root / "train.txt").unlink()
    with pytest.raises(DataError, match=r"trainannot/a_00002\.png.*train/a_00002\.png"):
        CamVidDataset(root)


def test_listed_picture_that_is_absent_is_named_with_its_line(root):
    (root / "train" / "a_00002.png").unlink()
    with pytest.raises(DataError, match=r"train/a_00002\.png.*train\.txt \(line 2\)"):
        CamVidDataset(root)


def test_unknown_split_is_refused(root):
    with pytest.raises(DataError, match="'validation'"):
        CamVidDataset(root, split="validation")


@pytest.mark.parametrize("content", [b"", b"no picture", None])
@pytest.mark.parametrize("folder", ["train", "trainannot"])
def test_unreadable_file_is_named(root, folder, content):
    dataset = CamVidDataset(root, pipeline=PIPELINE)
    path = root / folder / "a_00001.png"
    path.write_bytes(path.read_bytes()[:40] if content is None else content)
    with pytest.raises(DataError, match=rf"unreadable file {path}"):
        dataset[0]


def test_label_of_another_size_is_named(root):
    cv2.imwrite(str(root / "trainannot" / "a_00001.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match=r"4x3 .*found 4x4 in .*trainannot/a_00001\.png"):
        CamVidDataset(root, pipeline=PIPELINE)[0]


def test_label_is_compared_with_the_picture_before_resizing(root):
    resize = {"type": "Resize", "scale": (8, 6), "keep_ratio": False}
    sample = CamVidDataset(root, pipeline=[PIPELINE[0], resize, PIPELINE[1]])[0]
    assert sample["img"].shape == (6, 8, 3)
    assert sample["gt_seg_map"].shape == (3, 4)


def test_label_values_out_of_range_are_listed(root):
    label = np.zeros((3, 4), np.uint8)
    label[0, :3], label[1, 0] = 12, 200
    cv2.imwrite(str(root / "trainannot" / "a_00001.png"), label)
    with pytest.raises(DataError, match=r"12 \(3 pixels\), 200 \(1 pixels\) in .*trainannot/a_00001\.png"):
        CamVidDataset(root, pipeline=PIPELINE)[0]


def test_number_of_classes_can_be_given_where_the_dataset_does_not_say(root):
    results = {
        "seg_map_path": str(root / "trainannot" / "a_00001.png"),
        "reduce_zero_label": False,
        "seg_fields": [],
    }
    assert CheckedAnnotations()(dict(results, seg_fields=[]))["gt_seg_map"].max() == 11
    with pytest.raises(DataError, match=r"0\.\.9 or 255 but found 10 \(1 pixels\), 11 \(1 pixels\)"):
        CheckedAnnotations(num_classes=10)(results)


def test_colour_label_is_refused(root):
    cv2.imwrite(str(root / "trainannot" / "a_00001.png"), np.zeros((3, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"one channel.*trainannot/a_00001\.png"):
        CamVidDataset(root, pipeline=PIPELINE)[0]


OWN_CLASSES = tuple(f"class {index}" for index in range(13))


def own_data(folder, size=(3, 5), split="train"):
    """A picture and a label that holds 0..12, in every other pixel 255; size is (height, width)."""
    for name in (split, f"{split}annot"):
        (folder / name).mkdir(parents=True)
    label = np.arange(size[0] * size[1]).reshape(size) % 14
    label[label == 13] = 255
    cv2.imwrite(str(folder / split / "a.jpg"), np.full((*size, 3), 90, np.uint8))
    cv2.imwrite(str(folder / f"{split}annot" / "a.png"), label.astype(np.uint8))
    (folder / f"{split}.txt").write_text(f"{split}/a.jpg {split}annot/a.png\n")
    return folder


def listed(folder, **options):
    return ListedSegDataset(folder, metainfo={"classes": OWN_CLASSES}, pipeline=PIPELINE, **options)


def paths(dataset):
    info = dataset.get_data_info(0)
    return info["img_path"], info["seg_map_path"]


def test_all_values_of_own_classes_are_kept(tmp_path):
    dataset = listed(own_data(tmp_path))
    np.testing.assert_array_equal(dataset[0]["gt_seg_map"].ravel(), [*range(13), 255, 0])
    assert dataset.metainfo["classes"] == OWN_CLASSES
    assert len(dataset.metainfo["palette"]) == 13


def test_own_void_value_is_ignored(tmp_path):
    label = listed(own_data(tmp_path), void=12)[0]["gt_seg_map"]
    np.testing.assert_array_equal(label.ravel(), [*range(12), 255, 255, 0])


def test_void_is_the_value_in_the_file_where_zero_is_taken_out(tmp_path):
    label = listed(own_data(tmp_path), void=12, reduce_zero_label=True)[0]["gt_seg_map"]
    np.testing.assert_array_equal(label.ravel(), [255, *range(11), 255, 255, 255])


def test_value_beyond_own_classes_is_named(tmp_path):
    dataset = ListedSegDataset(own_data(tmp_path), metainfo={"classes": OWN_CLASSES[:12]}, pipeline=PIPELINE)
    with pytest.raises(DataError, match=r"0\.\.11 or 255 but found 12 \(1 pixels\) in .*a\.png"):
        dataset[0]


def test_split_of_own_data_has_any_name(tmp_path):
    assert len(listed(own_data(tmp_path, split="fold_3"), split="fold_3")) == 1


@pytest.mark.parametrize(
    "line", ["train/my a.jpg\ttrainannot/my a.png", '"train/my a.jpg" "trainannot/my a.png"', '"train/my a.jpg"']
)
def test_paths_with_spaces_are_quoted_or_separated_by_a_tab(tmp_path, line):
    own_data(tmp_path)
    for old, new in (("train/a.jpg", "train/my a.jpg"), ("trainannot/a.png", "trainannot/my a.png")):
        (tmp_path / old).rename(tmp_path / new)
    (tmp_path / "train.txt").write_text(f"{line}\n\n")
    assert paths(listed(tmp_path)) == (str(tmp_path / "train/my a.jpg"), str(tmp_path / "trainannot/my a.png"))


def test_apostrophes_and_dots_are_part_of_a_name(tmp_path):
    own_data(tmp_path)
    (tmp_path / "train/a.jpg").rename(tmp_path / "train/o'b.1.jpg")
    (tmp_path / "train.txt").write_text("train/o'b.1 trainannot/a.png\n")
    assert paths(listed(tmp_path))[0] == str(tmp_path / "train/o'b.1.jpg")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train/my a.jpg trainannot/my a.png", r"in .*train\.txt \(line 1\); .*double quotes or separate"),
        ('"train/a.jpg trainannot/a.png', r"closing quote but found .*train\.txt \(line 1\)"),
    ],
)
def test_line_that_is_not_two_paths_is_named(tmp_path, line, message):
    own_data(tmp_path)
    (tmp_path / "train.txt").write_text(line)
    with pytest.raises(DataError, match=message):
        listed(tmp_path)


def test_jpeg_is_never_taken_as_a_label(tmp_path):
    own_data(tmp_path)
    label = tmp_path / "trainannot" / "a.png"
    cv2.imwrite(str(label.with_suffix(".jpg")), cv2.imread(str(label), cv2.IMREAD_UNCHANGED))
    (tmp_path / "train.txt").write_text("train/a.jpg trainannot/a.jpg\n")
    assert paths(listed(tmp_path))[1] == str(label)
    label.unlink()
    with pytest.raises(DataError, match=r"the label trainannot/a\.jpg \(a \.png\) for .*train/a\.jpg"):
        listed(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"names of classes but found None; give ListedSegDataset metainfo"),
        ({"metainfo": {"classes": "car"}}, "names of classes but found 'car'"),
        ({"metainfo": {"classes": ("a", "b"), "palette": [[0, 0, 0]]}}, "palette of 2 colours, .* found 1"),
        ({"metainfo": {"classes": ("a", "b")}, "void": 256}, "void to be a label value .* found 256"),
    ],
)
def test_own_classes_that_do_not_fit_are_refused(tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        ListedSegDataset(own_data(tmp_path), **options)


def test_classes_that_camvid_lacks_point_to_the_dataset_for_them(root):
    with pytest.raises(ConfigError, match="found Tram; data of other classes is a ListedSegDataset"):
        CamVidDataset(root, metainfo={"classes": ("Road", "Tram")})


def test_missing_own_data_is_not_said_to_be_camvid(tmp_path):
    with pytest.raises(DataError, match="correct data_root, split or ann_file") as raised:
        listed(tmp_path / "nowhere")
    assert "camvid" not in str(raised.value)


def test_example_of_the_readme_trains_on_thirteen_own_classes(tmp_path):
    """Classes, folder and base are put in; everything else is as it is printed."""
    for split in ("train", "val", "test"):
        own_data(tmp_path / "mine", (120, 160), split)
    section = (ROOT / "tasks/seg/README.md").read_text().split("## I have my own data")[1]
    example = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    base = ROOT / "configs" / "seg" / "student_deeplab_mini.py"
    for pattern, new in (
        (r'_base_ = ".*"', f"_base_ = {str(base)!r}"),
        (r"_classes = \(.*?\)", f"_classes = {OWN_CLASSES!r}"),
        (r"_palette = \[.*\]", "_palette = [[index, 0, 0] for index in range(13)]"),
        (r'data_root=".*"', f"data_root={str(tmp_path / 'mine')!r}"),
    ):
        example, count = re.subn(pattern, lambda _, new=new: new, example)
        assert count == 1, pattern
    config = tmp_path / "student_mine.py"
    config.write_text(example)
    loaders = [
        f"{part}_dataloader.{key}" for part in ("train", "val") for key in ("num_workers=0", "persistent_workers=False")
    ]
    short = ["train_cfg.max_iters=1", "train_cfg.val_interval=1", "train_dataloader.batch_size=2"]
    main = runpy.run_path(str(ROOT / "tools" / "train.py"))["main"]
    options = ["--no-pretrained", "--work-dir", str(tmp_path / "run"), "--cfg-options", *loaders, *short]
    assert main([str(config), *options]) == 0
    stored = read_checkpoint(tmp_path / "run" / "iter_1.pth")
    assert len(stored["state_dict"]["decode_head.conv_seg.bias"]) == 13
    assert tuple(stored["meta"]["dataset_meta"]["classes"]) == OWN_CLASSES
