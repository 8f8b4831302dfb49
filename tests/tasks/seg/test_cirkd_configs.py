"""Rows of CIRKD's protocol: Cityscapes, CamVid and SegFormer, with the weights that its scripts have."""

import copy
import functools
from pathlib import Path

import mmseg
import pytest
import torch
import yaml
from conftest import ROOT
from small_segmentors import check_steps, small_batch, small_distiller, write_cityscapes

import common.engine  # noqa: F401 - as the configs do
import tasks.seg  # noqa: F401
from common.config import check_keys, read_config
from common.losses import ReceptiveTokens

FOLDER = ROOT / "configs" / "seg"
CITYSCAPES = ("deeplabv3_r18_cirkd", "deeplabv3_mv2_cirkd", "pspnet_r18_cirkd")
CAMVID = ("deeplabv3_r18_camvid", "pspnet_r18_camvid")
SEGFORMER = "segformer_b0"
METHODS = {
    **dict.fromkeys(CITYSCAPES, ("skd", "ifvd", "cwd", "cirkd", "dist", "maskd")),
    **dict.fromkeys((*CAMVID, SEGFORMER), ("skd", "ifvd", "cwd", "cirkd")),
}
ROWS = [(method, pair) for pair, methods in METHODS.items() for method in methods]
CRITICS = ("skd", "ifvd", "cwd")
# Each method, each network and each set.
STEPPING = [
    *((method, "deeplabv3_r18_cirkd") for method in METHODS["deeplabv3_r18_cirkd"]),
    ("cirkd", "deeplabv3_mv2_cirkd"),
    ("dist", "pspnet_r18_cirkd"),
    ("skd", "deeplabv3_r18_camvid"),
    ("cirkd", "pspnet_r18_camvid"),
    *((method, SEGFORMER) for method in METHODS[SEGFORMER]),
]
# What the scripts give as --lambda-*; their channel-wise term is divided by the student's channels, not the teacher's.
WEIGHTS = {
    "skd": {"kd": 1.0, "pair": 10.0, "adversarial": 0.001},
    "ifvd": {"kd": 1.0, "variation": 20.0, "adversarial": 0.001},
    "cwd": {"kd": 1.0, "logits": 3.0, "features": 50.0 * 256 / 128, "adversarial": 0.001},
    "cirkd": {"kd": 1.0, "minibatch": 1.0, "memory": 1.0},
    "dist": {"dist": 1.0},
    "maskd": {"maskd": 1.0},
}
OTHERS = {("cwd", SEGFORMER): {"logits": 0.3, "features": 5.0 * 768 / 256}}


@functools.cache
def config(role, pair):
    return read_config(FOLDER / f"{role}_{pair}.py")


@functools.cache
def taught_by(role, pair):
    return read_config(config(role, pair).model.teachers.teacher.config)


@pytest.fixture(scope="module")
def roots(tmp_path_factory, small_camvid):
    cityscapes = write_cityscapes(tmp_path_factory.mktemp("cityscapes"))
    return {pair: small_camvid if pair in CAMVID else cityscapes for pair in METHODS}


@pytest.mark.parametrize(("method", "pair"), [*(("student", pair) for pair in METHODS), *ROWS])
def test_protocol_is_cirkds(method, pair):
    cfg = config(method, pair)
    check_keys(cfg, strict=True)
    crop, batch, length, settings = {
        **dict.fromkeys(CITYSCAPES, ((512, 1024), 16, 40000, ("SGD", 0.02, 1e-4))),
        **dict.fromkeys(CAMVID, ((360, 360), 16, 40000, ("SGD", 0.02, 1e-4))),
        SEGFORMER: ((1024, 1024), 8, 160000, ("AdamW", 2e-4, 1e-4)),
    }[pair]
    assert (cfg.train_dataloader.batch_size, cfg.train_cfg.max_iters) == (batch, length)
    steps = {each.type: each for each in cfg.train_dataloader.dataset.pipeline}
    assert tuple(steps["RandomCrop"].crop_size) == crop
    adversarial = method in CRITICS
    optimizer = (cfg.optim_wrapper.student if adversarial else cfg.optim_wrapper).optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == settings
    (poly,) = cfg.param_scheduler.student if adversarial else cfg.param_scheduler
    assert (poly.type, poly.power, poly.eta_min, poly.end) == ("PolyLR", 0.9, 0.0, length)
    student = cfg.model.get("student", cfg.model)
    assert tuple(student.data_preprocessor.size) == crop
    assert student.decode_head.num_classes == (11 if pair in CAMVID else 19)


@pytest.mark.parametrize(("method", "pair"), ROWS)
def test_weights_are_those_of_the_scripts(method, pair):
    cfg = config(method, pair)
    assert {name: loss.weight for name, loss in cfg.model.losses.items() if "weight" in loss} | {
        name: 1.0 for name, loss in cfg.model.losses.items() if "weight" not in loss
    } == WEIGHTS[method] | OTHERS.get((method, pair), {})
    if method in CRITICS:
        critic = cfg.optim_wrapper.critic.optimizer
        assert (critic.type, critic.lr, tuple(critic.betas)) == ("Adam", 4e-4, (0.9, 0.99))
        assert cfg.param_scheduler.critic == []
        assert cfg.model.losses.adversarial.objective == "hinge"
    if method == "cirkd":
        memory = cfg.model.losses.memory
        assert memory.num_classes == cfg.model.student.decode_head.num_classes
        assert (memory.pixel_weight, memory.region_weight, memory.temperature) == (0.1, 0.1, 0.1)
        assert memory.pixel_memory == (2000 if pair == SEGFORMER else 20000)


@pytest.mark.parametrize(
    ("pair", "channels"),
    [
        ("deeplabv3_r18_cirkd", 128),
        ("deeplabv3_mv2_cirkd", 128),
        ("pspnet_r18_cirkd", 128),
        ("deeplabv3_r18_camvid", 128),
        ("pspnet_r18_camvid", 128),
    ],
)
def test_heads_are_as_wide_as_in_cirkds_code(pair, channels):
    assert config("student", pair).model.decode_head.channels == channels


@pytest.mark.parametrize("pair", [pair for pair in METHODS if pair not in CAMVID])
def test_teachers_weights_are_public(pair):
    checkpoint = config("cirkd", pair).model.teachers.teacher.checkpoint
    family = "segformer" if pair == SEGFORMER else "deeplabv3"
    listed = yaml.safe_load((Path(mmseg.__file__).parent / ".mim/configs" / family / "metafile.yaml").read_text())
    assert checkpoint in {entry.get("Weights") for entry in listed["Models"]}


@pytest.mark.parametrize(("size", "path"), [("b0", "student_segformer_b0.py"), ("b4", "teacher_segformer_b4.py")])
def test_segformers_are_mmsegs_but_for_the_window(size, path):
    shipped = Path(mmseg.__file__).parent / ".mim/configs/segformer"
    ours, stock = (
        read_config(each).model.to_dict()
        for each in (FOLDER / path, shipped / f"segformer_mit-{size}_8xb1-160k_cityscapes-1024x1024.py")
    )
    for model in (ours, stock):
        model.pop("_scope_", None), model.pop("test_cfg"), model["data_preprocessor"].pop("_scope_", None)
    assert ours == stock


@pytest.mark.parametrize(("method", "pair"), STEPPING)
def test_two_steps_move_the_student_and_nothing_of_the_teacher(method, pair, roots, tmp_path):
    cfg = copy.deepcopy(config(method, pair))
    if method == "maskd":
        cfg.model.losses.maskd.tokens = str(tmp_path / "tokens.pth")
        torch.save(ReceptiveTokens(19, 8, weighted=False).state_dict(), tmp_path / "tokens.pth")
    batch = small_batch(cfg.train_dataloader.dataset, roots[pair])
    critics = check_steps(small_distiller(cfg, taught_by(method, pair)), cfg, batch)
    assert bool(critics) == (method in CRITICS)
    assert sum(critics) >= 0.5 * len(critics)
