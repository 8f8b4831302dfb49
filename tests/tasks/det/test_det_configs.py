"""Every config of detection: what it names is there, fits together, and trains at a fraction of its size."""

import copy
import functools
import re
from pathlib import Path

import mmdet
import pytest
import torch
import yaml
from conftest import ROOT
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.structures import InstanceData
from toys import set_iteration

from common.config import check_keys, read_config
from common.inheritance import find_module
from common.losses import ReceptiveTokens
from common.training import forget_pretrained
from tasks.det.methods import METHODS, TWO_STAGES, same_parts

FOLDER = ROOT / "configs" / "det"
ALL = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
PUBLISHED = [name for name in ALL if name.endswith(("_coco", "_voc"))]  # the rows of papers
METAFILES = Path(mmdet.__file__).parent / ".mim" / "configs"
WIDTH, CLASSES, SIZE = 32, 3, 128


@functools.cache
def config(name):
    return read_config(ALL[name])


def distils(name):
    return not name.startswith(("student_", "teacher_"))


@pytest.mark.parametrize("name", ALL)
def test_config_is_read_and_has_no_key_that_nobody_reads(name):
    cfg = config(name)
    check_keys(cfg, strict=True)
    assert (cfg.model.type == "Distiller") == distils(name)
    assert {"common.engine", "tasks.det"} <= set(cfg.custom_imports.imports)
    assert cfg.default_scope == "mmdet"


@pytest.mark.parametrize("name", [name for name in PUBLISHED if distils(name) and "ssd512" not in name])
def test_teacher_is_a_public_one_whose_figure_stands_beside_it(name):
    cfg = config(name)
    teacher = cfg.model.teachers.teacher
    taught_by = Path(teacher.config).resolve()
    assert taught_by.parent == FOLDER
    (stock,) = re.findall(r"mmdet::(\S+)\.py", taught_by.read_text())
    entry = next(each for each in metafile(stock.split("/")[0]) if each.get("Weights") == teacher.checkpoint)
    assert entry["Name"] == stock.split("/")[1]
    (ap,) = {each["Metrics"]["box AP"] for each in entry["Results"] if each["Task"] == "Object Detection"}
    (pair,) = re.findall(r'"(\S+/pair_\S+)"', ALL[name].read_text())
    for text in (taught_by.read_text(), (FOLDER / pair).read_text()):
        assert f"{float(ap)} AP" in text


@functools.cache
def metafile(family):
    return yaml.safe_load((METAFILES / family / "metafile.yml").read_text())["Models"]


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name.startswith("gan_")])
def test_gan_teachers_are_trained_here_and_give_the_students_maps(name):
    cfg = config(name)
    teacher, head = cfg.model.teachers.teacher, cfg.model.student.bbox_head
    taught_by = config(Path(teacher.config).stem)
    assert teacher.checkpoint == f"work_dirs/{Path(teacher.config).stem}/epoch_{taught_by.train_cfg.max_epochs}.pth"
    assert taught_by.model.bbox_head == head
    assert cfg.model.student.neck.out_channels == taught_by.model.neck.out_channels == head.in_channels
    critic = cfg.optim_wrapper.critic.optimizer
    assert (critic.lr, critic.betas[0], cfg.model.losses.gan.clip) == (5e-4, 0.5, 0.03)


@pytest.mark.parametrize(("name", "images", "times"), [("voc", 5011 + 11540, 10), ("coco", 117266, 5)])
def test_adversarial_phase_ends_two_epochs_before_the_run(name, images, times):
    cfg = config(f"gan_ssd512_r50_mbv1_{name}")
    dataset = cfg.train_dataloader.dataset
    assert (dataset.type, dataset.times) == ("RepeatDataset", times)
    epoch = -(-images * times // cfg.train_dataloader.batch_size)
    assert cfg.model.losses.gan.weight == {"type": "stop_after", "value": 1.0, "steps": epoch * 22}
    assert cfg.param_scheduler[-1].milestones == [22]
    assert cfg.train_cfg.max_epochs == 24


PAIRS = {
    method: ("ssd512_r50_mbv1",) if method == "gan" else ("retinanet_r101_r50", "faster_rcnn_r101_r50")
    for method in METHODS
}


@pytest.mark.parametrize(("method", "pair"), [(method, pair) for method, pairs in PAIRS.items() for pair in pairs])
def test_any_pair_is_distilled_as_the_suites_configs_do(method, pair):
    written = config(f"{method}_{pair}_coco").model.losses[method]
    settings = METHODS[method] | (TWO_STAGES.get(method, {}) if "faster" in pair else {})
    assert {key: written[key] for key in settings} == settings


@pytest.mark.parametrize("name", [name for name in PUBLISHED if distils(name) and config(name).model.get("inherit")])
def test_what_a_student_starts_with_is_what_it_has_in_common_with_its_teacher(name):
    model = config(name).model
    alike = same_parts(model.student, read_config(model.teachers.teacher.config).model)
    assert set(model.inherit) <= set(alike)
    if not name.startswith("gan_"):
        assert list(model.inherit) == alike


def small(model):
    """A detector of the same kind with a narrow ResNet-18 or MobileNet, 32 channels in the pyramid and 3 classes."""
    model = ConfigDict(model)
    backbone = model.backbone
    if backbone.type.startswith("MobileNet"):
        backbone.update(widen_factor=0.25, init_cfg=None)
        found = {"MobileNetV1": [16, 32, 64, 128, 256], "MobileNetV2": [8, 8, 8, 16, 24, 40, 80]}[backbone.type]
    else:
        found = [8, 16, 32, 64]
        norm = {key: backbone[key] for key in ("norm_cfg", "norm_eval", "out_indices") if key in backbone}
        layout = {"depth": 18, "base_channels": 8, "out_indices": (0, 1, 2, 3), "zero_init_residual": False}
        model.backbone = {"type": "ResNet", **layout, **norm}
    outs = model.backbone.out_indices
    model.neck.in_channels = tuple(found[index] for index in outs)
    if model.neck.type.endswith("SSDNeck"):
        model.neck.out_channels = model.bbox_head.in_channels = (16,) * len(model.neck.out_channels)
    else:
        model.neck.in_channels = list(model.neck.in_channels)
        narrow(model)
    count_classes(model)
    return model


def narrow(part):
    """Set every width behind the backbone, in place; those of fully connected layers follow."""
    widths = ("out_channels", "feat_channels", "point_feat_channels", "fc_out_channels", "conv_out_channels")
    for key, value in part.items():
        if key == "backbone" or (key == "in_channels" and part.get("type") == "FPN"):
            continue
        if key in (*widths, "in_channels"):
            part[key] = WIDTH
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                narrow(each)


def count_classes(part):
    for key, value in part.items():
        if key == "num_classes":
            part[key] = CLASSES
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                count_classes(each)


def images_with_boxes():
    generator = torch.Generator().manual_seed(1)
    shape = {"img_shape": (SIZE, SIZE), "ori_shape": (SIZE, SIZE), "scale_factor": (1.0, 1.0)}
    samples = []
    for count in (3, 1):
        corners = (SIZE - 50) * torch.rand(count, 2, generator=generator)
        boxes = torch.cat([corners, corners + 20 + 30 * torch.rand(count, 2, generator=generator)], dim=1)
        labels = torch.randint(CLASSES, (count,), generator=generator)
        none = InstanceData(bboxes=boxes[:0], labels=labels[:0])
        objects = InstanceData(bboxes=boxes, labels=labels)
        samples.append(DetDataSample(gt_instances=objects, ignored_instances=none, metainfo=shape))
    images = torch.randint(256, (2, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return {"inputs": list(images), "data_samples": samples}


@pytest.fixture
def tokens(tmp_path):
    """MasKD's, as if they were trained."""
    torch.save(torch.nn.ModuleList([ReceptiveTokens(WIDTH, 6) for _ in range(5)]).state_dict(), tmp_path / "tokens.pth")
    return str(tmp_path / "tokens.pth")


def reduced(name, tokens):
    """The distiller of a config at a fraction of its size."""
    cfg = copy.deepcopy(config(name))
    model = cfg.model
    model.student = small(model.student)
    (teacher,) = model.teachers.values()
    teacher.update(model=small(read_config(teacher.pop("config")).model), checkpoint=None)
    model.example.size = (64, 64)
    for loss in model.losses.values():
        loss.update({"maskd": {"tokens": tokens}, "dist": {"num_classes": CLASSES}}.get(name.split("_")[0], {}))
        loss.update({"width": 8} if loss.type == "FeatureGANLoss" else {})
    torch.manual_seed(0)
    set_iteration(0)
    with DefaultScope.overwrite_default_scope("mmdet"):
        built = MODELS.build(model)
    return built, cfg


def stepping():
    """Each method once, and each pair."""
    seen, chosen = set(), []
    for name in PUBLISHED:
        if distils(name):
            method, pair = name.split("_", 1)
            stages = "two" if pair.startswith("faster") else "one"
            if not {(method, stages), pair} <= seen and (method != "gan" or pair not in seen):
                chosen.append(name)
                seen |= {(method, stages), pair}
    return chosen


@pytest.mark.parametrize("name", stepping())
def test_a_step_moves_the_student_and_nothing_of_the_teacher(name, tokens):
    model, cfg = reduced(name, tokens)
    model.init_weights()
    frozen = model.teachers["teacher"]
    fingerprint = frozen.fingerprint()
    for part in cfg.model.get("inherit", []):
        pairs = zip(*(find_module(each, part).parameters() for each in (model.student, frozen.model)), strict=True)
        assert all(torch.equal(own, theirs) for own, theirs in pairs)
    before = {key: value.detach().clone() for key, value in model.student.named_parameters() if value.requires_grad}
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    logged = model.train_step(images_with_boxes(), optimizer)
    terms = [[key for key in logged if key.startswith(f"loss_{term}")] for term in cfg.model.losses]
    assert all(terms)
    assert all(torch.isfinite(value).all() for value in logged.values())
    after = dict(model.student.named_parameters())
    moved = [not torch.equal(value, after[key]) for key, value in before.items()]
    assert sum(moved) > 0.7 * len(moved)
    assert frozen.fingerprint() == fingerprint


def test_a_pair_of_full_size_is_built():
    cfg = copy.deepcopy(config("acam_retinanet_r101_r50_coco"))
    cfg.model.teachers.teacher.checkpoint = None
    forget_pretrained(cfg)
    with DefaultScope.overwrite_default_scope("mmdet"):
        built = MODELS.build(cfg.model)
    rows = {row[0]: row[1] for row in built.terms.table()}
    assert rows["student = student.neck"] == "2x256x32x32, 2x256x16x16, 2x256x8x8, 2x256x4x4, 2x256x2x2"
    assert len(built.terms["acam"].loss) == 5
