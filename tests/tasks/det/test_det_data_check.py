"""What is said about data that is not there, before anything is built."""

import pytest
from box_sets import write_coco_set, write_voc_set
from mmengine.config import Config

from common.errors import DataError
from tasks.det.data_check import check_data


def config(dataset, part="train"):
    return Config({f"{part}_dataloader": {"dataset": dataset}})


def coco(root):
    return {
        "type": "CocoBoxes",
        "data_root": str(root),
        "ann_file": "annotations/instances_train2017.json",
        "data_prefix": {"img": "train2017"},
    }


def test_missing_coco_is_three_lines_what_where_and_how(tmp_path):
    root = tmp_path / "coco"
    with pytest.raises(DataError) as raised:
        check_data(config(coco(root)))
    what, where, how = str(raised.value).splitlines()
    assert what.startswith(
        f"expected Coco train data at {root}/annotations/instances_train2017.json but there is no such"
    )
    assert "--data-root" in what
    assert "https://cocodataset.org" in where
    assert f"unzip all three into {root}" in how
    assert "python data_prep/det/synthetic.py" in how


def test_pictures_are_looked_for_beside_labels(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train2017.json").write_text("{}")
    with pytest.raises(DataError, match=r"train data at .*/train2017 but there is no such file or folder"):
        check_data(config(coco(tmp_path)))
    (tmp_path / "train2017").mkdir()
    with pytest.raises(DataError, match="train2017 but the folder is empty"):
        check_data(config(coco(tmp_path)))


@pytest.mark.parametrize("missing", ["ImageSets/Main/val.txt", "JPEGImages"])
def test_missing_voc_names_list_or_pictures(tmp_path, missing):
    write_voc_set(tmp_path, "val")
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    dataset = {"type": "VOCBoxes", "data_root": str(tmp_path), "part": "val"}
    with pytest.raises(DataError, match=rf"VOC val data at .*/{missing} but .*\n.*VOCtrainval.*\n.*has JPEGImages"):
        check_data(config(dataset, "val"), ("val",))


@pytest.mark.parametrize("by", ["name", "file"])
def test_missing_generated_data_names_the_generator(tmp_path, by):
    root = tmp_path / "synthetic_boxes" if by == "name" else tmp_path / "mine"
    root.mkdir()
    if by == "file":
        (root / "synthetic.json").write_text("{}")
    with pytest.raises(
        DataError, match=rf"it is generated\nprepare it: python data_prep/det/synthetic\.py --out {root}$"
    ):
        check_data(config(coco(root)))


def test_other_kinds_say_how_to_point_elsewhere(tmp_path):
    dataset = {"type": "LVISDataset", "data_root": str(tmp_path), "ann_file": "a.json"}
    with pytest.raises(DataError, match=r"train data at .*/a\.json but .*; set data_root"):
        check_data(config(dataset))


@pytest.mark.parametrize("wrapper", ["dataset", "datasets"])
def test_data_sets_inside_wrappers_are_checked(tmp_path, wrapper):
    inner = coco(tmp_path)
    with pytest.raises(DataError, match="Coco train data"):
        check_data(config({"type": "Wrapper", wrapper: inner if wrapper == "dataset" else [inner]}))


def test_data_that_is_there_passes(tmp_path):
    write_voc_set(tmp_path)
    write_coco_set(tmp_path)
    check_data(config({"type": "VOCBoxes", "data_root": str(tmp_path)}))
    check_data(config({"type": "CocoBoxes", "data_root": str(tmp_path), "ann_file": "labels.json"}))


def test_mmdet_s_own_voc_config_is_understood(tmp_path):
    write_voc_set(tmp_path / "VOC2007")
    dataset = {"type": "VOCDataset", "data_root": str(tmp_path), "ann_file": "VOC2007/ImageSets/Main/train.txt"}
    check_data(config({**dataset, "data_prefix": {"sub_data_root": "VOC2007/"}}))
    with pytest.raises(DataError, match=r"VOC train data at .*VOC2012/ImageSets/Main/train\.txt"):
        check_data(config({**dataset, "ann_file": "VOC2012/ImageSets/Main/train.txt"}))
