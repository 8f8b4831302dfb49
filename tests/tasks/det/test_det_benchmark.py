"""What the benchmark runs for a detector."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import pytest
import torch
from small_detectors import write_network

import common.engine  # noqa: F401 - as the configs do
from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.cost import count_parameters
from common.errors import ConfigError
from common.provenance import portable_path
from tasks.det import benchmark
from tasks.det.benchmark import OBJECTS, VARIANTS, boxes_batch, detection
from tasks.det.models import load_detector

OPTIONS = Options(size=(64, 96), batch=2)
# What RetinaNet asks of mmdet for its loss.
OVERLAP = {"type": "MaxIoUAssigner", "pos_iou_thr": 0.5, "neg_iou_thr": 0.4, "min_pos_iou": 0}
TRAINING = {"assigner": OVERLAP, "sampler": {"type": "PseudoSampler"}, "allowed_border": -1, "pos_weight": -1}
SGD = "\noptim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))\n"


@pytest.fixture
def pair(tmp_path):
    """Configs of a small RetinaNet whose batch norm learns, and of one with a larger head that teaches it."""
    folders = [tmp_path / name for name in ("student", "teacher")]
    for folder in folders:
        folder.mkdir()
    own = {"train_cfg": TRAINING, "backbone.norm_eval": False}
    student, _ = write_network(folders[0], change=own, more=SGD)
    teacher, _ = write_network(folders[1], change={"bbox_head.stacked_convs": 2})
    return student, teacher


@pytest.fixture
def stepped(monkeypatch):
    """The networks of which steps are taken, in the order in which they are asked for."""
    models = []
    real = benchmark.engine_step
    monkeypatch.setattr(benchmark, "engine_step", lambda model, *rest: models.append(model) or real(model, *rest))
    return models


def test_batch_holds_raw_images_and_boxes_inside_of_them():
    batch = boxes_batch(Options(size=(130, 96), batch=3), classes=4)
    assert [image.shape for image in batch["inputs"]] == [(3, 130, 96)] * 3
    assert all(image.dtype == torch.uint8 for image in batch["inputs"])
    objects = [sample.gt_instances for sample in batch["data_samples"]]
    assert [len(each) for each in objects] == [OBJECTS] * 3
    boxes = torch.cat([each.bboxes for each in objects])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= torch.tensor([96, 130])).all()
    assert sides.min() >= 7.99
    assert (sides <= torch.tensor([48, 65]) + 0.01).all()
    assert set(torch.cat([each.labels for each in objects]).tolist()) == {0, 1, 2, 3}
    assert all(len(sample.ignored_instances) == 0 for sample in batch["data_samples"])


def test_batch_is_the_same_every_time():
    first, second = (boxes_batch(OPTIONS, 3) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first["inputs"], second["inputs"], strict=True))


def test_every_method_has_a_step_and_its_loss_alone_but_for_critics(pair):
    comparison = detection(OPTIONS, *pair, ["pkd", "gan"])
    assert list(comparison.phases) == [STUDENT_STEP, TEACHER_FORWARD, "pkd step", "pkd loss alone", "gan step"]
    assert comparison.steps == ["pkd step", "gan step"]
    for run in comparison.phases.values():
        run()


def test_facts_tell_of_both_networks(pair):
    facts = detection(OPTIONS, *pair, []).facts
    sizes = [count_parameters(load_detector(config, config.replace(".py", ".pth"), "cpu")[0]) for config in pair]
    assert [facts[f"{name}_parameters"] for name in ("student", "teacher")] == sizes
    assert sizes[0] < sizes[1]
    assert facts["classes"] == 3
    assert [facts["student"], facts["teacher"]] == [portable_path(config) for config in pair]


def test_steps_train_without_moving_the_weights(pair, stepped):
    comparison = detection(OPTIONS, *pair, ["cwd"])
    for model, name in zip(stepped, ("cwd step", STUDENT_STEP), strict=True):
        student = getattr(model, "student", model)
        before = {key: value.clone() for key, value in model.named_parameters()}
        statistics = {key: value.clone() for key, value in student.named_buffers() if key.endswith("running_mean")}
        comparison.phases[name]()
        assert all(torch.equal(value, before[key]) for key, value in model.named_parameters())
        moved = [not torch.equal(value, statistics[key]) for key, value in student.named_buffers() if key in statistics]
        assert moved
        assert all(moved)


def test_forms_of_a_method_differ_in_their_attention_alone(pair, stepped):
    assert set(VARIANTS) == {"acam_exact", "acam_pooled"}
    comparison = detection(OPTIONS, *pair, list(VARIANTS))
    assert comparison.steps == ["acam_exact step", "acam_pooled step"]
    forms = [{loss.fusion.attention for loss in model.terms["acam"].loss} for model in stepped[:2]]
    assert forms == [{"exact"}, {"pooled"}]


def test_the_teachers_precision_is_that_of_its_distilled_steps(pair, stepped):
    detection(Options(size=(64, 64), batch=1, teacher_dtype="bfloat16"), *pair, ["cwd"])
    (teacher,) = stepped[0].teachers.values()
    assert {value.dtype for value in teacher.model.parameters()} == {torch.bfloat16}


def test_an_unknown_method_is_named(pair):
    with pytest.raises(ConfigError, match=r"'acm'.*did you mean 'acam'"):
        detection(OPTIONS, *pair, ["acm"])


def test_a_config_that_is_not_there_is_named(pair):
    with pytest.raises(ConfigError, match=r"nowhere\.py"):
        detection(OPTIONS, "nowhere.py", pair[1], [])
