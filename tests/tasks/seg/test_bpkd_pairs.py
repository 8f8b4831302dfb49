"""The pairs of BPKD's tables: networks and protocol are the published ones, and each method trains each pair."""

import copy
import functools
import os
import re
from pathlib import Path

import mmseg
import pytest
import yaml
from conftest import ROOT
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from small_segmentors import (
    check_steps,
    small_batch,
    small_distiller,
    write_ade20k,
    write_cityscapes,
    write_pascal_context,
)

import common.engine  # noqa: F401 - as the configs do
import tasks.seg  # noqa: F401
from common.config import check_keys, read_config
from common.tables import load_table
from common.training import forget_pretrained

FOLDER = ROOT / "configs" / "seg"
SHIPPED = Path(mmseg.__file__).parent / ".mim" / "configs"
NETS = ("pspnet", "hrnet", "deeplab", "isanet")
SETS = {"cityscapes": write_cityscapes, "ade20k": write_ade20k, "context": write_pascal_context}
METHODS = ("skds", "ifvd", "cirkd", "cwd", "bpkd")
PAIRS = [(net, data) for data in SETS for net in NETS]
# crop, images a step, learning rate, weight decay, classes
PROTOCOLS = {
    "cityscapes": ((512, 1024), 8, 0.01, 5e-4, 19),
    "ade20k": ((512, 512), 16, 0.01, 5e-4, 150),
    "context": ((480, 480), 16, 0.004, 1e-4, 59),
}
# mmseg's own configs of the students; it has no ISANet R18, and its DeepLabV3+ is not the narrowed one of Cityscapes.
STOCK_STUDENTS = {
    ("pspnet", "cityscapes"): "pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py",
    ("hrnet", "cityscapes"): "hrnet/fcn_hr18s_4xb2-80k_cityscapes-512x1024.py",
    ("hrnet", "ade20k"): "hrnet/fcn_hr18s_4xb4-80k_ade20k-512x512.py",
    ("deeplab", "ade20k"): "mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb4-160k_ade20k-512x512.py",
}


# Each network and each method with layers of its own at full width, on two crops of this side.
FULL_WIDTH = [
    ("skds", "pspnet", "ade20k", 512),
    ("cirkd", "hrnet", "cityscapes", 128),
    ("ifvd", "deeplab", "context", 256),
    ("bpkd", "isanet", "ade20k", 128),
    ("cwd", "pspnet", "cityscapes", 128),
]


def path(role, net, data):
    place = "" if (net, data) == ("deeplab", "cityscapes") else f"_{data}"
    return FOLDER / f"{role}_{net}{place}.py"


@functools.cache
def config(role, net, data):
    return read_config(path(role, net, data))


def bare(model):
    """A model's config without the scope that the engine notes where it read one of mmseg's."""
    if isinstance(model, dict):
        return {key: bare(value) for key, value in model.items() if key != "_scope_"}
    return model


def stock(place):
    return bare(read_config(SHIPPED / place).model)


@functools.cache
def metafile(family):
    return yaml.safe_load((SHIPPED / family / "metafile.yaml").read_text())["Models"]


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """A few pictures of each set in its own layout."""
    return {name: write(tmp_path_factory.mktemp(name)) for name, write in SETS.items()}


@pytest.fixture(scope="module")
def small_batches(roots):
    """Two samples of each set's training data."""
    loaders = {name: config("student", "pspnet", name).train_dataloader for name in SETS}
    return {name: small_batch(loader.dataset, roots[name]) for name, loader in loaders.items()}


@pytest.mark.parametrize("role", ["student", *METHODS])
@pytest.mark.parametrize(("net", "data"), PAIRS)
def test_protocol_is_the_papers(role, net, data):
    cfg = config(role, net, data)
    check_keys(cfg, strict=True)
    crop, batch, rate, decay, classes = PROTOCOLS[data]
    optimizer = cfg.optim_wrapper.get("student", cfg.optim_wrapper).optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("SGD", rate, 0.9, decay)
    schedule = cfg.param_scheduler["student"] if isinstance(cfg.param_scheduler, dict) else cfg.param_scheduler
    (poly,) = schedule
    assert (poly.type, poly.power, poly.eta_min, poly.end) == ("PolyLR", 0.9, 1e-4, 80000)
    assert (cfg.train_cfg.max_iters, cfg.train_dataloader.batch_size) == (80000, batch)
    steps = {each.type: each for each in cfg.train_dataloader.dataset.pipeline}
    assert tuple(steps["RandomCrop"].crop_size) == crop
    assert (steps["RandomCrop"].cat_max_ratio, tuple(steps["RandomResize"].ratio_range)) == (0.75, (0.5, 2.0))
    student = cfg.model.get("student", cfg.model)
    assert tuple(student.data_preprocessor.size) == crop
    heads = [student.decode_head, student.get("auxiliary_head")]
    assert {head.num_classes for head in heads if head} == {classes}


@pytest.mark.parametrize(("net", "data"), PAIRS)
def test_methods_differ_from_each_other_in_losses_and_in_the_critics_optimiser_alone(net, data):
    alone = config("student", net, data)
    teachers = set()
    for method in METHODS:
        cfg = config(method, net, data)
        assert cfg.model.student == alone.model
        assert cfg.train_dataloader == alone.train_dataloader
        assert cfg.optim_wrapper.get("student", cfg.optim_wrapper) == alone.optim_wrapper
        teacher = cfg.model.teachers.teacher
        teachers.add((Path(teacher.config).resolve(), teacher.checkpoint))
    assert teachers == {(Path(config("teacher", net, data).filename), teacher.checkpoint)}


@pytest.mark.parametrize(("net", "data"), [pair for pair in PAIRS if pair != ("isanet", "context")])
def test_teacher_is_a_public_one_whose_figure_stands_beside_it(net, data):
    teacher = config("bpkd", net, data).model.teachers.teacher
    family = re.search(r"v0\.5/(\w+)/", teacher.checkpoint)[1]
    (entry,) = [each for each in metafile(family) if each.get("Weights") == teacher.checkpoint]
    assert bare(config("teacher", net, data).model) == stock(entry["Config"].removeprefix("configs/"))
    score = entry["Results"]["Metrics"]["mIoU"]
    text = Path(teacher.config).resolve().read_text()
    pair = (ROOT / "configs" / "_base_" / "seg" / f"pair_{net}_{data}.py").read_text()
    assert f"{score:.2f}" in text
    assert f"{score:.2f} mIoU" in pair


def test_teacher_without_public_weights_is_one_that_is_trained_here():
    model, teacher = (config(role, "isanet", "context").model for role in ("bpkd", "teacher"))
    assert model.teachers.teacher.checkpoint == "work_dirs/teacher_isanet_context/iter_80000.pth"
    assert config("teacher", "isanet", "context").train_cfg.max_iters == 80000
    other = copy.deepcopy(config("teacher", "isanet", "ade20k").model)
    other.data_preprocessor.size = (480, 480)
    other.decode_head.num_classes = other.auxiliary_head.num_classes = 59
    assert teacher == other


@pytest.mark.parametrize("pair", STOCK_STUDENTS)
def test_student_is_mmsegs_network_of_that_name(pair):
    assert bare(config("student", *pair).model) == stock(STOCK_STUDENTS[pair])


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize(("net", "in_channels"), [("pspnet", (512, 256)), ("isanet", (512, 256))])
def test_students_on_resnet_18_have_the_narrow_heads_of_the_authors_configs(net, in_channels, data):
    student = config("student", net, data).model
    heads = (student.decode_head, student.auxiliary_head)
    assert (student.backbone.depth, student.pretrained) == (18, "open-mmlab://resnet18_v1c")
    assert tuple(head.in_channels for head in heads) == in_channels
    assert tuple(head.channels for head in heads) == (128, 64)
    if net == "isanet":
        assert (student.decode_head.isa_channels, tuple(student.decode_head.down_factor)) == (256, (8, 8))


@pytest.mark.parametrize(
    ("data", "channels"), [("cityscapes", (128, 64)), ("ade20k", (512, 256)), ("context", (512, 256))]
)
def test_deeplab_students_head_is_narrowed_on_cityscapes_alone(data, channels):
    student = config("student", "deeplab", data).model
    assert (student.decode_head.channels, student.auxiliary_head.channels) == channels
    assert (student.decode_head.in_channels, student.decode_head.c1_in_channels) == (320, 24)
    assert student.auxiliary_head.in_channels == 96


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("net", "data"), PAIRS)
def test_two_steps_move_the_student_and_nothing_of_the_teacher(method, net, data, small_batches):
    cfg = config(method, net, data)
    critics = check_steps(small_distiller(cfg, config("teacher", net, data)), cfg, small_batches[data])
    assert bool(critics) == (method in ("skds", "ifvd"))
    assert sum(critics) >= 0.5 * len(critics)


@pytest.mark.timeout(1200)
@pytest.mark.skipif("FULL_WIDTH" not in os.environ, reason="some minutes and 8 GB: set FULL_WIDTH=1")
@pytest.mark.parametrize(("method", "net", "data", "side"), FULL_WIDTH)
def test_two_steps_at_full_width(method, net, data, side, roots):
    cfg = copy.deepcopy(config(method, net, data))
    teacher = cfg.model.teachers.teacher
    teacher.checkpoint = None
    forget_pretrained(cfg)
    cfg.model.student.data_preprocessor.size = (side, side)
    with DefaultScope.overwrite_default_scope("mmseg"):
        built = revert_sync_batchnorm(MODELS.build(cfg.model))
    for frozen in built.teachers.values():
        revert_sync_batchnorm(frozen.model)
    check_steps(built, cfg, small_batch(cfg.train_dataloader.dataset, roots[data], side))


TABLES = {"cityscapes": "seg_bpkd_cityscapes", "ade20k": "seg_bpkd_ade20k", "context": "seg_bpkd_pascal_context"}


@pytest.mark.parametrize(("net", "data"), PAIRS)
def test_table_has_every_row_of_a_pair_with_the_figures_that_its_configs_tell(net, data):
    rows = {row.config: row for row in load_table(TABLES[data]).rows}
    table = {role: rows[str(path(role, net, data).relative_to(ROOT))] for role in ("teacher", "student", *METHODS)}
    assert all({"mIoU", "mAcc"} <= row.paper.keys() for row in table.values())
    alone = table["student"].paper["mIoU"]
    for method in METHODS:
        text = path(method, net, data).read_text()
        if "BPKD's table:" in text:  # the rows that were there first tell them in other words
            assert f"BPKD's table: {alone:.2f} -> {table[method].paper['mIoU']:.2f} mIoU" in text
        assert table[method].baseline in ("", table["student"].name)
        assert (method == "bpkd") == (table[method].paper["mIoU"] == max(table[m].paper["mIoU"] for m in METHODS))


def test_inconsistencies_of_the_published_tables_stand_beside_the_figures():
    table = load_table("seg_bpkd_cityscapes")
    student, bpkd = table.row("PSPNet R18 alone"), table.row("BPKD, PSPNet R18")
    assert f"{bpkd.paper['mIoU'] - 74.87:.2f}" == "2.70"
    assert f"{bpkd.paper['mIoU'] - student.paper['mIoU']:.2f}" == "3.34"
    assert all(text in student.note for text in ("R18b", "74.87", "2.70", "3.34"))
    assert "75.54" in table.row("CWD, PSPNet R18").note
    assert "512 head channels" in table.row("DeepLabV3+ MobileNetV2 alone").note
    assert "DeepLabV3, which has 80.20" in table.row("teacher DeepLabV3+ R101").note
