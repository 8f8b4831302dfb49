"""Spatio-temporal distillation's configs: two frames through two branches and a student, a step of each arm."""

import copy
import functools

import pytest
import torch
from conftest import ROOT
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS

import common.engine  # noqa: F401
import tasks.seg  # noqa: F401
from common.config import check_keys, read_config
from tasks.seg.example import seg_example

FOLDER = ROOT / "configs" / "seg"
TAUGHT = ("kd", "pair", "gan", "frames", "stkd")
ARMS = ("temporal", *TAUGHT)


@functools.cache
def config(name):
    return read_config(FOLDER / f"{name}_deeplab_video.py")


@pytest.fixture(scope="module")
def branches(tmp_path_factory):
    """Checkpoints of the two teachers, at random."""
    folder, files = tmp_path_factory.mktemp("branches"), {}
    for branch, name in (("cnn", "teacher_deeplab_video"), ("transformer", "teacher_segformer_video")):
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope("mmseg"):
            model = MODELS.build(read_config(FOLDER / f"{name}.py").model)
        files[branch] = str(folder / f"{name}.pth")
        torch.save({"state_dict": model.state_dict()}, files[branch])
    return files


def clip(size=(96, 128), batch=2):
    """Frames whose neighbours are the same a pixel to the right."""
    generator = torch.Generator().manual_seed(0)
    found = seg_example(None, size, batch, ["next"])
    frames = torch.randint(0, 256, (batch, 3, *size), generator=generator)
    for frame, sample in zip(frames, found["data_samples"], strict=True):
        sample.gt_sem_seg.data.random_(0, 11, generator=generator)
        sample.frame_next.data = frame.roll(1, 2).float()
        sample.flow_next.data[0] = 1
    return {"inputs": list(frames.to(torch.uint8)), "data_samples": found["data_samples"]}


def distiller(arm, branches):
    model = copy.deepcopy(config(arm).model)
    for branch, file in branches.items() if arm in TAUGHT else ():
        model.teachers.teacher.model[branch].checkpoint = file
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("mmseg"):
        return MODELS.build(model).train()


@pytest.mark.parametrize("arm", ARMS)
def test_arms_differ_from_the_student_alone_in_what_teaches_it(arm):
    found, alone = (copy.deepcopy(config(each)._cfg_dict) for each in (arm, "student"))
    check_keys(config(arm), strict=True)
    assert found.model.student == alone.model
    for key in ("train_dataloader", "train_cfg", "test_dataloader", "test_evaluator", "randomness"):
        assert found[key] == alone[key]
    wrapper = found.optim_wrapper
    assert wrapper.get("student", wrapper) == alone.optim_wrapper


def test_all_terms_are_those_of_the_single_arms():
    terms = config("stkd").model.losses
    assert set(terms) == {"pixel", "pair_cnn", "pair_transformer", "holistic", "temporal", "frames"}
    for arm in ARMS:
        for name, term in config(arm).model.losses.items():
            assert terms[name] == term


@pytest.mark.parametrize("arm", ARMS)
def test_a_step_of_each_arm(arm, branches):
    model = distiller(arm, branches)
    before = {name: value.clone() for name, value in model.student.named_parameters()}
    teachers = {name: teacher.fingerprint() for name, teacher in model.teachers.items()}
    with DefaultScope.overwrite_default_scope("mmseg"):
        wrapper = build_optim_wrapper(model, config(arm).optim_wrapper)
    logged = model.train_step(clip(), wrapper)
    assert all(torch.isfinite(value) for value in logged.values())
    assert {f"loss_{name}" for name in config(arm).model.losses} <= logged.keys()
    assert all(logged[f"loss_{name}"] > 0 for name in set(config(arm).model.losses) - {"holistic"})
    assert any(not torch.equal(value, before[name]) for name, value in model.student.named_parameters())
    assert {name: teacher.fingerprint() for name, teacher in model.teachers.items()} == teachers
