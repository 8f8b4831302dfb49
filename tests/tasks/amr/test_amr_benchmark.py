"""What the benchmark runs for a network of IQ frames."""

import pytest
import torch
from conftest import ROOT

from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.cache import CachedTeacher
from common.errors import ConfigError
from tasks.amr import benchmark
from tasks.amr.benchmark import signals

STUDENT = str(ROOT / "configs/amr/kdcnn_generated.py")
TEACHER = str(ROOT / "configs/amr/clst_xs_generated.py")
OPTIONS = Options(size=(2, 128), batch=4)


def test_method_on_class_scores_is_timed_with_and_without_its_teacher(monkeypatch):
    models = []
    real = benchmark.engine_step
    monkeypatch.setattr(benchmark, "engine_step", lambda model, *rest: models.append(model) or real(model, *rest))
    comparison = signals(OPTIONS, STUDENT, TEACHER, ["skd", "skd_attention"])
    steps = ["skd step", "skd, stored scores, step", "skd_attention step"]
    assert list(comparison.phases) == [STUDENT_STEP, TEACHER_FORWARD, *steps]
    assert comparison.steps == steps
    assert comparison.facts["student_parameters"] == 20_459
    assert comparison.facts["teacher_parameters"] == 385_621
    kinds = [isinstance(model.teachers["teacher"], CachedTeacher) for model in models[1:]]
    assert kinds == [False, True, False]
    before = [parameter.clone() for parameter in models[2].parameters()]
    for run in comparison.phases.values():
        run()
    assert all(torch.equal(old, new) for old, new in zip(before, models[2].parameters(), strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(size=(2, 1024), batch=2), "expected --size 2x128"),
        (Options(size=(2, 128), batch=2, compile=True), "without --compile"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        signals(options, STUDENT, TEACHER, ["skd"])
