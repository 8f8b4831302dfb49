"""Distilling any pair of detectors from default taps: what each method becomes, and which pairs are refused."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import pytest
import torch
from conftest import ROOT
from mmdet.registry import MODELS
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from small_detectors import write_network

import common.engine  # noqa: F401 - as the configs do
from common.config import check_keys, read_config
from common.errors import ConfigError
from common.training import forget_pretrained
from tasks.det.methods import CRITIC, METHODS, distilled_config, same_parts

# What RetinaNet asks of mmdet for its loss.
OVERLAP = {"type": "MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "min_pos_iou": 0}
TRAINING = {"assigner": OVERLAP, "sampler": {"type": "PseudoSampler"}, "allowed_border": -1, "pos_weight": -1}
SGD = "\noptim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))\n"
FASTER = ROOT / "configs/det/student_faster_rcnn_r50_coco.py"
FASTER_TEACHER = str(ROOT / "configs/det/teacher_faster_rcnn_r101_coco.py")


@pytest.fixture
def student(tmp_path):
    """Config of a small RetinaNet that trains with SGD, and keeps a value for itself."""
    folder = tmp_path / "student"
    folder.mkdir()
    return read_config(write_network(folder, change={"train_cfg": TRAINING}, more=SGD + "depths = [2, 2]\n")[0])


@pytest.fixture
def teacher(tmp_path):
    """Writes a small teacher, by default a RetinaNet as the student; gives its config and weights."""

    def write(detector="RetinaNet", **change):
        folder = tmp_path / "teacher"
        folder.mkdir()
        return write_network(folder, detector, {key.replace("__", "."): value for key, value in change.items()})

    return write


def changed(cfg, **values):
    cfg.merge_from_dict({f"model.{key.replace('__', '.')}": value for key, value in values.items()})
    return cfg


@pytest.mark.parametrize("method", METHODS)
def test_method_compares_the_maps_of_both_necks(student, teacher, method):
    config, checkpoint = teacher()
    cfg = distilled_config(student, config, checkpoint, method)
    forget_pretrained(cfg)
    with DefaultScope.overwrite_default_scope("mmdet"):
        model = MODELS.build(cfg.model)
    rows = model.terms.table()
    assert [row[0] for row in rows[:2]] == ["student = student.neck", "teacher = teacher.neck"]
    assert {row[1] for row in rows[:2]} == {"2x8x32x32, 2x8x16x16, 2x8x8x8"}  # an eighth of the example's 256
    assert rows[0][3] == METHODS[method]["type"]
    stored = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, stored[key]) for key, value in model.teachers["teacher"].model.state_dict().items())


@pytest.mark.parametrize("method", METHODS)
def test_config_holds_the_student_its_teacher_and_one_loss(student, teacher, method):
    config, checkpoint = teacher()
    cfg = distilled_config(student, config, checkpoint, method)
    assert cfg.model.student == student.model
    assert cfg.model.teachers == {"teacher": {"config": config, "checkpoint": checkpoint}}
    assert cfg.model.losses == {method: METHODS[method]}
    assert {"common.engine", "tasks.det"} <= set(cfg.custom_imports.imports)
    assert cfg.work_dir == f"work_dirs/net_{method}"
    check_keys(cfg, strict=True)  # the student's own value, depths, is left out
    assert student.model.type == "RetinaNet"


def test_folder_that_the_config_names_stays(student, teacher):
    student.work_dir = "work_dirs/mine"
    assert distilled_config(student, *teacher(), "cwd").work_dir == "work_dirs/mine"


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"gan"}))
def test_optimiser_stays_as_it_is(student, teacher, method):
    assert distilled_config(student, *teacher(), method).optim_wrapper == student.optim_wrapper


def test_gan_has_an_optimiser_for_the_student_and_one_for_the_critics(student, teacher):
    cfg = distilled_config(student, *teacher(), "gan")
    forget_pretrained(cfg)
    with DefaultScope.overwrite_default_scope("mmdet"):
        model = MODELS.build(cfg.model)
    both = build_optim_wrapper(model, cfg.optim_wrapper)
    sgd, adam = both["student"].optimizer, both["critic"].optimizer
    assert (type(sgd), sgd.defaults["lr"]) == (torch.optim.SGD, 0.01)
    assert (type(adam), adam.defaults["lr"], adam.defaults["betas"]) == (torch.optim.Adam, 5e-4, (0.5, 0.999))
    held = [{id(value) for group in each.param_groups for value in group["params"]} for each in (sgd, adam)]
    assert not held[0] & held[1]
    assert {id(value) for value in model.student.parameters() if value.requires_grad} <= held[0]


def test_changing_a_config_leaves_the_methods_as_they_are(student, teacher):
    cfg = distilled_config(student, *teacher(), "gan")
    cfg.model.losses.gan["width"] = 3
    cfg.optim_wrapper.critic.optimizer["lr"] = 1.0
    assert "width" not in METHODS["gan"]
    assert CRITIC["optimizer"]["lr"] == 5e-4


# FGD's, MGD's and PKD's own configs of Faster R-CNN.
@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("fgd", {"alpha_fgd": 5e-5, "beta_fgd": 2.5e-5, "gamma_fgd": 5e-5, "lambda_fgd": 5e-7}),
        ("mgd", {"alpha": 5e-7, "mask_ratio": 0.45}),
        ("pkd", {"weight": 6.0}),
        ("cwd", {"weight": 10.0, "temperature": 1.0}),
        ("acam", {}),
    ],
)
def test_detectors_of_two_stages_have_settings_of_their_own(method, settings):
    found = distilled_config(read_config(FASTER), FASTER_TEACHER, "x.pth", method).model.losses[method]
    assert found == METHODS[method] | settings


@pytest.mark.parametrize(("method", "inherits"), [(name, name in ("acam", "fgd", "mgd")) for name in METHODS])
def test_a_student_inherits_where_the_authors_let_it(student, teacher, method, inherits):
    cfg = distilled_config(student, *teacher(), method)
    assert cfg.model.inherit == (["neck", "bbox_head"] if inherits else [])


def test_two_stages_inherit_both_heads():
    cfg = distilled_config(read_config(FASTER), FASTER_TEACHER, "x.pth", "fgd")
    assert cfg.model.inherit == ["neck", "rpn_head", "roi_head"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bbox_head__stacked_convs": 2}, ["neck"]),
        ({"neck__in_channels": [16, 32, 64]}, ["bbox_head"]),
        ({"bbox_head__loss_cls": {"type": "FocalLoss", "gamma": 1.0}}, ["neck", "bbox_head"]),
        ({"bbox_head__init_cfg": {"type": "Normal", "layer": "Conv2d", "std": 0.1}}, ["neck", "bbox_head"]),
    ],
)
def test_parts_are_the_same_where_their_weights_fit(student, change, expected):
    before = student.copy().model
    assert same_parts(changed(student, **change).model, before) == expected


def test_necks_in_a_row_are_the_same_where_each_is():
    row = [{"type": "FPN", "num_outs": 5}, {"type": "DyHead", "num_blocks": 6}]
    assert same_parts({"neck": row}, {"neck": [dict(each) for each in row]}) == ["neck"]
    assert same_parts({"neck": row}, {"neck": row[:1]}) == []


def test_unknown_method_offers_the_nearest(student, teacher):
    with pytest.raises(ConfigError, match=r"no method 'acm'; there are acam, fgd, .*; did you mean 'acam'"):
        distilled_config(student, *teacher(), "acm")


def test_config_that_distils_already_is_refused(student, teacher):
    files = teacher()
    cfg = distilled_config(student, *files, "cwd")
    with pytest.raises(ConfigError, match=r"net\.py distils already; give the student's own config with --teacher"):
        distilled_config(cfg, *files, "cwd")


def test_missing_teacher_config_is_named(student):
    with pytest.raises(ConfigError, match=r"expected a config file at nowhere\.py but found none"):
        distilled_config(student, "nowhere.py", "x.pth", "cwd")


def test_student_without_a_neck_is_refused(student, teacher):
    del student.model["neck"]
    with pytest.raises(ConfigError, match=r"a detector with a neck, .* found none in .*student/net\.py \(RetinaNet\)"):
        distilled_config(student, *teacher(), "cwd")


def test_teacher_without_a_neck_is_refused(student, tmp_path):
    path = tmp_path / "bare.py"
    path.write_text("model = dict(type='YOLOF', backbone=dict(type='ResNet'), bbox_head=dict(num_classes=3))\n")
    with pytest.raises(ConfigError, match=r"a detector with a neck, .* found none in .*bare\.py \(YOLOF\)"):
        distilled_config(student, str(path), "x.pth", "cwd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox_head__num_classes": 2}, r"a teacher of 2 classes, as the student has, but .*teacher/net\.py has 3"),
        (
            {"neck__num_outs": 4},
            r"necks with the same num_outs but found 4 in .*student/net\.py and 3 in .*teacher/net\.py",
        ),
        ({"neck__start_level": 1}, r"the same start_level but found 1 in .* and 0 in .*; maps of different strides"),
        ({"neck": [{"type": "FPN", "num_outs": 3}, {"type": "DyHead", "num_outs": 4}]}, "same num_outs but found 4"),
    ],
)
def test_pairs_that_do_not_fit_are_refused_before_anything_is_built(student, teacher, change, message):
    with pytest.raises(ConfigError, match=message):
        distilled_config(changed(student, **change), *teacher(), "cwd")


def test_a_network_that_is_no_detector_is_refused(student, teacher):
    del student.model["bbox_head"]
    with pytest.raises(ConfigError, match=r"a detector of mmdet with num_classes in its bbox_head but found RetinaNet"):
        distilled_config(student, *teacher(), "cwd")


def test_detectors_of_other_kinds_may_teach(student, teacher):
    cfg = distilled_config(student, *teacher("FCOS"), "acam")
    assert cfg.model.inherit == ["neck"]
