"""Configs that mmseg or mmdet read by themselves, of networks that were trained here."""

import pytest
from mmcv.transforms import LoadImageFromFile, Resize
from mmengine.config import Config
from mmseg.registry import TRANSFORMS
from torch import nn

import tasks.seg  # noqa: F401
from common.plain_config import foreign_modules, plain_config
from tasks.seg.export import MMSEG

META = {"classes": ("sky", "road", "car"), "palette": [[70, 130, 180], [128, 64, 128], [0, 0, 142]]}
NETWORK = {"type": "EncoderDecoder", "pretrained": "weights.pth", "decode_head": {"type": "FCNHead", "num_classes": 3}}
LOAD, LABELS, PACK = {"type": "LoadImageFromFile"}, {"type": "LoadAnnotations"}, {"type": "PackSegInputs"}
SCORES = {"type": "IoUMetric", "iou_metrics": ["mIoU"]}


@TRANSFORMS.register_module(force=True)
class CarefulResize(Resize):
    """A transform of this project that is derived from one of mmcv."""

    def __init__(self, careful: bool = True, **options):
        super().__init__(**options)


@TRANSFORMS.register_module(force=True)
class OwnTransform:
    """A transform of this project alone."""


def config(*pipeline, kind="CityscapesDataset", part="test", **changes):
    dataset = {"type": kind, "data_root": "data/streets", "pipeline": list(pipeline or (LOAD, LABELS, PACK))}
    loader = {"batch_size": 2, "num_workers": 4, "dataset": dataset}
    return Config({"model": NETWORK, f"{part}_dataloader": loader, "test_evaluator": SCORES, **changes})


def plain(cfg):
    return plain_config(cfg, META, MMSEG)


def kinds(cfg):
    return [step.type for step in cfg.test_pipeline]


@pytest.mark.parametrize("part", ["test", "val"])
def test_a_dataset_of_the_package_stays_with_its_loader(part):
    cfg, left_out = plain(config(part=part))
    assert left_out == []
    assert cfg.test_dataloader.batch_size == 2
    assert (cfg.test_dataloader.dataset.type, cfg.test_dataloader.dataset.data_root) == (
        "CityscapesDataset",
        "data/streets",
    )
    assert kinds(cfg) == ["LoadImageFromFile", "LoadAnnotations", "PackSegInputs"]
    assert cfg.test_dataloader.dataset.pipeline == cfg.test_pipeline


def test_a_dataset_of_this_project_becomes_one_without_files_and_without_labels():
    cfg, _ = plain(config(kind="DatasetOfThisProject"))
    dataset = cfg.test_dataloader.dataset
    assert (dataset.type, dataset.metainfo.classes) == ("BaseSegDataset", ["sky", "road", "car"])
    assert dataset.metainfo.palette == META["palette"]
    assert "data_root" not in dataset
    assert kinds(cfg) == ["LoadImageFromFile", "PackSegInputs"]


@pytest.mark.parametrize("more", [{}, {"test_dataloader": None}])
def test_a_network_without_data_gets_the_packages_own_pipeline(more):
    cfg, left_out = plain(Config({"model": NETWORK, **more}))
    assert left_out == []
    assert [dict(step) for step in cfg.test_pipeline] == [dict(step) for step in MMSEG.pipeline]
    assert cfg.test_dataloader.dataset.type == MMSEG.dataset
    assert cfg.test_dataloader.sampler == {"type": "DefaultSampler", "shuffle": False}
    assert cfg.test_evaluator == MMSEG.evaluator


def test_a_transform_derived_from_one_of_the_packages_becomes_that_one():
    cfg, left_out = plain(config(LOAD, {"type": "CarefulResize", "careful": True, "scale": (96, 64)}, PACK))
    assert left_out == []
    assert cfg.test_pipeline[1] == {"type": "Resize", "scale": (96, 64)}


def test_a_transform_that_is_given_as_a_class_gets_its_name():
    cfg, _ = plain(config({"type": LoadImageFromFile, "imdecode_backend": "pillow"}, PACK))
    assert cfg.test_pipeline[0] == {"type": "LoadImageFromFile", "imdecode_backend": "pillow"}


@pytest.mark.parametrize("kind", ["OwnTransform", "TransformThatNobodyHas"])
def test_transforms_that_the_packages_lack_are_left_out_and_told(kind):
    cfg, left_out = plain(config(LOAD, {"type": kind}, PACK))
    assert left_out == [kind]
    assert kinds(cfg) == ["LoadImageFromFile", "PackSegInputs"]


def test_of_a_distillation_the_student_is_taken_without_weights_to_fetch():
    distiller = {"type": "Distiller", "student": NETWORK, "teachers": {"big": {"config": "teacher.py"}}}
    cfg, _ = plain(config(model=distiller, custom_imports={"imports": ["tasks.seg"]}))
    assert cfg.model == {**NETWORK, "pretrained": None}
    assert "custom_imports" not in cfg
    assert cfg.default_scope == "mmseg"


@pytest.mark.parametrize("evaluator", [{"type": "MetricOfThisProject"}, {"type": "SegScores"}, [SCORES], None])
def test_only_an_evaluator_of_the_package_stays(evaluator):
    assert plain(config())[0].test_evaluator == SCORES
    assert plain(config(test_evaluator=evaluator))[0].test_evaluator == MMSEG.evaluator


def test_the_config_that_was_given_stays_as_it_was():
    cfg = config(kind="DatasetOfThisProject")
    before = cfg.pretty_text
    plain(cfg)
    assert cfg.pretty_text == before


def test_modules_that_the_packages_lack_are_named():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.ReLU()))
    assert foreign_modules(model) == []
    own = type("OwnConvolution", (nn.Conv2d,), {"__module__": "tasks.seg"})
    model[1].append(own(3, 3, 1))
    model.append(own(3, 3, 1))
    model.append(type("Block", (nn.Identity,), {"__module__": "common.blocks"})())
    assert foreign_modules(model) == ["common.blocks.Block", "tasks.seg.OwnConvolution"]
