"""Distilling any pair of networks for IQ frames by the name of a method."""

import pytest
from conftest import ROOT

import tasks.amr.entry
from common.config import check_keys, read_config
from common.errors import ConfigError
from tasks import command_of, task_of
from tasks.amr.methods import METHODS, distilled_config

FOLDER = ROOT / "configs" / "amr"
TEACHER = str(FOLDER / "clst_xs_generated.py")


@pytest.fixture
def student():
    return read_config(FOLDER / "kdcnn_generated.py")


def test_command_line_finds_the_methods(student):
    assert task_of(student) is tasks.amr.entry
    assert command_of(student, "distilled_config") is distilled_config


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_those_of_the_suites_configs(student, method):
    written = read_config(FOLDER / f"{method}_kdcnn_generated.py").model
    cfg = distilled_config(student, TEACHER, "x.pth", method)
    assert cfg.model.losses == written.losses
    assert cfg.model.student == written.student
    assert cfg.model.taps == written.taps
    assert cfg.model.example == written.example
    assert cfg.model.teachers.teacher.get("cache") == written.teachers.teacher.cache
    assert cfg.work_dir == f"work_dirs/kdcnn_generated_{method}"
    assert student.model.type == "Classifier"
    check_keys(cfg, strict=True)


def test_weights_by_snr_rise_where_those_of_the_sets_config_do():
    written = read_config(FOLDER / "skd_snr_kdcnn_rml2018a.py").model
    student, teacher = read_config(FOLDER / "kdcnn_rml2018a.py"), str(FOLDER / "clst_xs_rml2018a.py")
    assert distilled_config(student, teacher, "x.pth", "skd_snr").model.losses == written.losses
    assert METHODS["skd_snr"].losses["kd"]["full"] == 0.0  # and stay what they are elsewhere


def test_outputs_are_not_stored_for_frames_that_are_augmented(student):
    student.model.data_preprocessor.augment = {"type": "IQAugment"}
    cfg = distilled_config(student, TEACHER, "x.pth", "skd")
    assert "cache" not in cfg.model.teachers.teacher
    assert cfg.model.student.data_preprocessor.augment.type == "IQAugment"


def test_unknown_method_offers_the_nearest(student):
    with pytest.raises(ConfigError, match=r"no method 'skd_snt'; there are skd, .*did you mean 'skd_snr'"):
        distilled_config(student, TEACHER, "x.pth", "skd_snt")


def test_config_that_distils_already_is_refused():
    cfg = read_config(FOLDER / "skd_kdcnn_generated.py")
    with pytest.raises(ConfigError, match="distils already; give the student's own config"):
        distilled_config(cfg, TEACHER, "x.pth", "skd")


@pytest.mark.parametrize(
    ("other", "message"),
    [("rml2016b", r"with num_classes 11, .*clst_xs_rml2016b\.py has 10"), ("rml2018a", "num_classes 11, .* has 24")],
)
def test_teacher_of_other_signals_is_refused(student, other, message):
    with pytest.raises(ConfigError, match=message):
        distilled_config(student, str(FOLDER / f"clst_xs_{other}.py"), "x.pth", "skd")
