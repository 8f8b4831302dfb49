"""What the benchmark runs for landmark networks."""

import pytest
import torch
from painted_faces import SmallRegressor

from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.cache import CachedTeacher
from common.errors import ConfigError
from tasks.landmarks import benchmark
from tasks.landmarks.benchmark import NoiseFaces, landmarks

OPTIONS = Options(size=(32, 32), batch=2)
PARAMETERS = sum(parameter.numel() for parameter in SmallRegressor().parameters())
PLAIN = """
default_scope = "mmengine"
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
model = dict(type="LandmarkModel", network=dict(type="SmallRegressor"))
"""
DISTILLED = """
_base_ = "./plain.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student=dict(type="LandmarkModel", network=dict(type="SmallRegressor"), loss_weight=0),
    teachers=dict(
        tough=dict(config="{{ fileDirname }}/plain.py", checkpoint="tough.pth"),
        tolerant=dict(config="{{ fileDirname }}/plain.py", checkpoint="tolerant.pth", cache=CACHE),
    ),
    taps=dict(points="network"),
    losses=dict(kd=dict(type="KDLandmarkLoss", student="points", tough="tough.points", tolerant="tolerant.points",
                        target="gt_points", preset="code")),
    example=dict(type="FaceExample"),
    start="student.pth",
)
"""


@pytest.fixture
def configs(tmp_path):
    """Folder with ``plain.py``, ``kd.py``, and ``stored.py``, which stores what a teacher says."""
    for name, text in (
        ("plain", PLAIN),
        ("kd", DISTILLED.replace("CACHE", "None")),
        ("stored", DISTILLED.replace("CACHE", "'data/cache'")),
    ):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_two_teachers_are_timed_with_and_without_their_forward_passes(configs, monkeypatch):
    models = []
    real = benchmark.engine_step
    monkeypatch.setattr(benchmark, "engine_step", lambda model, *rest: models.append(model) or real(model, *rest))
    comparison = landmarks(OPTIONS, str(configs / "stored.py"))
    steps = ["kd step", "kd, stored points, step"]
    assert list(comparison.phases) == [STUDENT_STEP, TEACHER_FORWARD, *steps]
    assert comparison.steps == steps
    names = ("student_parameters", "tough_parameters", "tolerant_parameters")
    assert [comparison.facts[name] for name in names] == [PARAMETERS] * 3
    kinds = [[isinstance(teacher, CachedTeacher) for teacher in model.teachers.values()] for model in models[1:]]
    assert kinds == [[False, False], [True, True]]
    before = [parameter.clone() for model in models for parameter in model.parameters()]
    for run in comparison.phases.values():
        run()
    after = [parameter for model in models for parameter in model.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_plain_step_has_the_students_own_loss(configs, monkeypatch):
    models = []
    monkeypatch.setattr(benchmark, "engine_step", lambda model, *rest: models.append(model))
    landmarks(OPTIONS, str(configs / "kd.py"))
    assert [getattr(model, "student", model).loss_weight for model in models] == [1, 0]


def test_without_stored_answers_there_is_one_step_by_the_name_that_was_given(configs):
    assert landmarks(OPTIONS, str(configs / "kd.py"), "both").steps == ["both step"]


def test_faces_of_noise_are_the_same_every_time():
    first, second = (NoiseFaces(3, 8, 5).__getitems__([2, 0]) for _ in range(2))
    assert first.inputs.shape == (2, 3, 8, 8)
    assert torch.equal(first.inputs, second.inputs)
    assert first.samples.gt_points.shape == (2, 10)
    assert first.samples.gt_index.tolist() == [2, 0]
    assert NoiseFaces(3, 8, 5).fingerprint == NoiseFaces(3, 8, 5).fingerprint != NoiseFaces(2, 8, 5).fingerprint


@pytest.mark.parametrize(
    ("options", "config", "message"),
    [
        (Options(size=(32, 64), batch=2), "kd", "two equal sides for faces"),
        (Options(size=(32, 32), batch=2, compile=True), "kd", "landmarks without --compile"),
        (OPTIONS, "plain", r"that distils, such as kd_faces68\.py, but found .*plain"),
    ],
)
def test_what_does_not_fit_is_refused(configs, options, config, message):
    with pytest.raises(ConfigError, match=message):
        landmarks(options, str(configs / f"{config}.py"))
