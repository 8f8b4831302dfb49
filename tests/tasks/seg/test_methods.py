"""Distilling any pair of mmseg networks from default taps."""

import inspect

import pytest
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from small_runs import network, run_config, write_config

import tasks.seg  # noqa: F401
from common.checkpoint import read_checkpoint
from common.config import check_keys, read_config
from common.errors import ConfigError
from common.losses import BPKDLoss
from tasks.seg.methods import METHODS, distilled_config, logits_path


@pytest.fixture
def student(tmp_path, small_camvid):
    return read_config(write_config(tmp_path / "student.py", run_config(small_camvid, network())))


@pytest.fixture
def build():
    def build(model):
        with DefaultScope.overwrite_default_scope("mmseg"):
            return MODELS.build(model)

    return build


@pytest.mark.parametrize(("method", "loss"), [("kd", "KDLoss"), ("cwd", "CWDLoss"), ("bpkd", "BPKDLoss")])
def test_method_trains_the_networks_last_scores(student, small_teacher, build, method, loss):
    config, checkpoint = map(str, small_teacher)
    cfg = distilled_config(student, config, checkpoint, method)
    model = build(cfg.model)
    table = model.terms.table()
    assert [row[0] for row in table[:2]] == ["student = student.logits", "teacher = teacher.logits"]
    assert table[0][1] == "2x11x16x16"  # an eighth of the example's 128
    assert table[0][3] == loss
    stored = read_checkpoint(checkpoint)["state_dict"]
    assert (
        model.teachers["teacher"].model.state_dict()["decode_head.conv_seg.bias"] == stored["decode_head.conv_seg.bias"]
    ).all()
    assert model.student.state_dict().keys() == build(student.model).state_dict().keys()


def test_rest_of_the_config_stays_and_the_folder_is_named_after_the_method(student, small_teacher):
    cfg = distilled_config(student, *map(str, small_teacher), "cwd")
    assert cfg.model.student == student.model
    assert cfg.optim_wrapper == student.optim_wrapper
    assert cfg.work_dir == "work_dirs/student_cwd"
    assert student.model.type == "EncoderDecoder"


def test_values_that_the_config_kept_for_itself_are_left_out(student, small_teacher):
    student.depths = [2, 2]
    cfg = distilled_config(student, *map(str, small_teacher), "kd")
    assert "depths" not in cfg
    check_keys(cfg, strict=True)


def test_auxiliary_heads_and_cascades_are_told_from_the_last_head(build):
    cascade = {"type": "CascadeEncoderDecoder", "decode_head": [{"type": "FCNHead"}, {"type": "PointHead"}]}
    assert logits_path(Config(cascade)._cfg_dict) == "decode_head.1.fc_seg"
    assert logits_path(Config(network())._cfg_dict) == "decode_head.conv_seg"


def test_hyperparameters_are_those_of_the_suites_configs():
    for method, settings in METHODS.items():
        losses = read_config(ROOT / "configs" / "seg" / f"{method}_deeplab.py").model.losses
        assert list(losses) == [method]
        written = dict(losses[method])
        if method == "bpkd":  # the config spells out the defaults
            defaults = {k: p.default for k, p in inspect.signature(BPKDLoss).parameters.items()}
            written = {k: v for k, v in written.items() if k not in defaults or v != defaults[k]}
        assert written == settings


def test_unknown_method_offers_the_nearest(student, small_teacher):
    with pytest.raises(ConfigError, match=r"no method 'bpk'; there are kd, cwd, bpkd; did you mean 'bpkd'"):
        distilled_config(student, *map(str, small_teacher), "bpk")


def test_teacher_of_other_classes_is_refused_before_anything_is_built(student, small_teacher, tmp_path, small_camvid):
    other = write_config(tmp_path / "other.py", run_config(small_camvid, network(classes=19)))
    with pytest.raises(ConfigError, match=r"expected a teacher of 11 classes, .* but .*other\.py has 19"):
        distilled_config(student, str(other), str(small_teacher[1]), "kd")


def test_config_that_distils_already_is_refused(student, small_teacher):
    cfg = distilled_config(student, *map(str, small_teacher), "kd")
    with pytest.raises(ConfigError, match="distils already; give the student's own config"):
        distilled_config(cfg, *map(str, small_teacher), "kd")


def test_network_without_a_decode_head_is_refused():
    with pytest.raises(ConfigError, match="expected an mmseg network with a decode_head but found ImageClassifier"):
        logits_path(Config({"type": "ImageClassifier"})._cfg_dict)


def test_missing_teacher_config_is_named(student):
    with pytest.raises(ConfigError, match=r"expected a config file at nowhere\.py but found none"):
        distilled_config(student, "nowhere.py", "x.pth", "kd")
