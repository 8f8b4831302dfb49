"""Transforms of mmcv and its packages in a config, as far as ours stand in for them."""

import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config

from common.stock_transforms import import_also, stock_transforms

LOAD, PACK = {"type": "LoadImageFromFile"}, {"type": "PackInputs"}


def config(*pipeline, part="train"):
    return Config({f"{part}_dataloader": {"dataset": {"type": "Images", "pipeline": list(pipeline)}}})


def names(cfg, wanted=("LoadImageFromFile",), package="mmdet"):
    return [name for _, name in stock_transforms(cfg, wanted, package)]


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_transforms_of_every_part_are_found_and_may_be_changed_in_place(part):
    cfg = config(LOAD, PACK, part=part)
    ((found, name),) = stock_transforms(cfg, ("LoadImageFromFile",), "mmdet")
    assert name == "LoadImageFromFile"
    found["type"] = "Other"
    assert [step.type for step in cfg[f"{part}_dataloader"].dataset.pipeline] == ["Other", "PackInputs"]


def test_transforms_inside_of_wrappers_and_of_other_transforms_are_found():
    inner = {"type": "Images", "pipeline": [LOAD]}
    joined = {"type": "ConcatDataset", "datasets": [inner, {"type": "RepeatDataset", "dataset": inner}]}
    several = {"type": "TestTimeAug", "transforms": [[LOAD], [PACK, LOAD]]}
    cfg = Config(
        {
            "train_dataloader": {"dataset": joined},
            "val_dataloader": {"dataset": {"type": "Images", "pipeline": [several]}},
        }
    )
    assert len(names(cfg)) == 4


@pytest.mark.parametrize(
    ("kind", "is_meant"),
    [
        ("LoadImageFromFile", True),
        ("mmcv.LoadImageFromFile", True),
        ("mmdet.LoadImageFromFile", True),
        ("mmcv.transforms.LoadImageFromFile", True),
        (LoadImageFromFile, True),
        ("mmseg.LoadImageFromFile", False),
        ("mine.LoadImageFromFile", False),
        ("LoadImage", False),
        (type("LoadImageFromFile", (), {"__module__": "mine"}), False),
    ],
)
def test_a_transform_is_known_by_its_name_and_package(kind, is_meant):
    assert names(config({"type": kind})) == ["LoadImageFromFile"] * is_meant


def test_each_name_is_told_without_its_package():
    cfg = config({"type": "mmseg.LoadAnnotations"}, LOAD)
    assert names(cfg, ("LoadAnnotations", "LoadImageFromFile"), "mmseg") == ["LoadAnnotations", "LoadImageFromFile"]


def test_transforms_outside_of_data_loaders_are_left_alone():
    assert names(Config({"tta_pipeline": [LOAD], "train_dataloader": {"batch_size": 2}, "val_dataloader": None})) == []


@pytest.mark.parametrize(
    ("there", "imports"),
    [
        ({}, ["a", "b"]),
        ({"custom_imports": None}, ["a", "b"]),
        ({"custom_imports": {"imports": ["mine", "a"]}}, ["mine", "a", "b"]),
    ],
)
def test_further_modules_are_imported_once_and_must_be_there(there, imports):
    cfg = Config(there)
    import_also(cfg, "a", "b")
    assert cfg.custom_imports == {"imports": imports, "allow_failed_imports": False}


def test_what_a_config_says_of_missing_modules_stays():
    cfg = Config({"custom_imports": {"imports": ["mine"], "allow_failed_imports": True}})
    import_also(cfg, "a")
    assert cfg.custom_imports == {"imports": ["mine", "a"], "allow_failed_imports": True}
