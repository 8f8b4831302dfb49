"""FDWA-DKD and its arms on generated organs: data that is read, and two steps of each."""

import copy
import functools

import pytest
import torch
from conftest import ROOT
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS, MODELS
from small_segmentors import check_steps, small_batch

import common.engine  # noqa: F401 - as the configs do
import tasks.seg  # noqa: F401
from common.config import check_keys, read_config
from common.tables import load_table
from data_prep.seg.organs import CLASSES, generate

FOLDER = ROOT / "configs" / "seg"
ALONE = ("teacher", "student")
TAUGHT = ("kd", "dkd", "fdwa", "fdwa_dkd")


@functools.cache
def config(arm):
    return read_config(FOLDER / f"{arm}_deeplab_organs.py")


@pytest.fixture(scope="module")
def organs(tmp_path_factory):
    root = tmp_path_factory.mktemp("organs") / "organs"
    generate(root, train_patients=1, val_patients=1, test_patients=1, slices=2, size=(64, 64), workers=1)
    return root


@pytest.mark.parametrize("arm", [*ALONE, *TAUGHT])
def test_configs_hold_no_unknown_keys_and_the_generators_classes(arm):
    check_keys(config(arm), strict=True)
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        assert tuple(config(arm)[loader].dataset.metainfo.classes) == CLASSES
    network = config(arm).model.get("student", config(arm).model)
    assert network.decode_head.num_classes == network.auxiliary_head.num_classes == len(CLASSES)


@pytest.mark.parametrize("arm", TAUGHT)
def test_arms_differ_from_the_student_alone_in_what_teaches_it(arm):
    assert config(arm).model.student == config("student").model
    for key in ("train_dataloader", "test_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        assert config(arm)[key] == config("student")[key]


def test_each_arm_adds_one_thing_to_the_one_before():
    terms = {arm: config(arm).model.losses for arm in TAUGHT}
    fixed, weighted = terms["dkd"]["dkd"], terms["fdwa"]["fdwa"]
    assert {key: weighted[key] for key in ("alpha", "beta", "temperature")} == {
        key: fixed[key] for key in ("alpha", "beta", "temperature")
    }
    assert terms["fdwa_dkd"]["fdwa"] == weighted
    assert set(terms["fdwa_dkd"]) == {"fdwa", "spread"}
    assert [row.config for row in load_table("seg_organs").rows] == [
        f"configs/seg/{arm}_deeplab_organs.py" for arm in (*ALONE, *TAUGHT)
    ]


def test_the_real_networks_features_can_be_compared():
    """Width and grid before the classifier of teacher and student, at full size."""
    cfg, shapes = config("fdwa"), []
    for network in (cfg.model.student, config("teacher").model):
        with DefaultScope.overwrite_default_scope("mmseg"):
            model = MODELS.build(network).eval()
        model.get_submodule(cfg.model.taps.features).register_forward_hook(lambda *out: shapes.append(out[-1].shape))
        with torch.no_grad():
            model(torch.zeros(1, 3, 96, 96))
    assert shapes == [(1, 64, 24, 24)] * 2


@pytest.mark.parametrize("arm", ALONE)
def test_networks_alone_take_two_steps(arm, organs):
    with DefaultScope.overwrite_default_scope("mmseg"):
        model = MODELS.build(config(arm).model).train()
    wrapper = build_optim_wrapper(model, config(arm).optim_wrapper)
    for _ in range(2):
        logged = model.train_step(small_batch(config(arm).train_dataloader.dataset, organs), wrapper)
        assert all(torch.isfinite(value) for value in logged.values())


@pytest.mark.parametrize("arm", TAUGHT)
def test_distilled_arms_take_two_steps(arm, organs):
    model = copy.deepcopy(config(arm).model)
    model.teachers.teacher.pop("config")
    model.teachers.teacher.update(model=config("teacher").model, checkpoint=None)
    with DefaultScope.overwrite_default_scope("mmseg"):
        built = MODELS.build(model).train()
    check_steps(built, config(arm), small_batch(config(arm).train_dataloader.dataset, organs))


def test_the_dice_of_the_organs_is_scored(organs):
    cfg = config("student")
    dataset = copy.deepcopy(cfg.test_dataloader.dataset)
    dataset.data_root = str(organs)
    with DefaultScope.overwrite_default_scope("mmseg"):
        samples = DATASETS.build(dataset)
        from mmseg.registry import METRICS

        metric = METRICS.build(cfg.test_evaluator)
    metric.dataset_meta = samples.metainfo
    for sample in (pseudo_collate([samples[i]])["data_samples"][0] for i in range(len(samples))):
        sample.pred_sem_seg = sample.gt_sem_seg
        metric.process({}, [sample.to_dict()])
    assert metric.evaluate(len(samples))["mDice"] == pytest.approx(100)
