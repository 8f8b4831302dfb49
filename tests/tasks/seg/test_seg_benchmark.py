"""What the benchmark runs for a segmentation network."""

import pytest
import torch
from conftest import ROOT

from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.errors import ConfigError
from tasks.seg import benchmark
from tasks.seg.benchmark import segmentation, street_batch

STUDENT = str(ROOT / "configs/seg/student_deeplab_mini.py")
TEACHER = str(ROOT / "configs/seg/teacher_deeplab_mini.py")


def test_batch_holds_raw_images_and_labels_of_all_kinds():
    batch = street_batch(Options(size=(130, 96), batch=3), classes=4)
    assert [image.shape for image in batch["inputs"]] == [(3, 130, 96)] * 3
    assert all(image.dtype == torch.uint8 for image in batch["inputs"])
    labels = torch.stack([sample.gt_sem_seg.data for sample in batch["data_samples"]])
    assert labels.shape == (3, 1, 130, 96)
    assert set(labels.unique().tolist()) == {0, 1, 2, 3, 255}


def test_every_method_has_a_step_and_its_loss_alone():
    comparison = segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["kd", "bpkd"])
    assert list(comparison.phases) == [
        STUDENT_STEP,
        TEACHER_FORWARD,
        "kd step",
        "kd loss alone",
        "bpkd step",
        "bpkd loss alone",
    ]
    assert comparison.steps == ["kd step", "bpkd step"]
    assert comparison.facts["classes"] == 11
    assert comparison.facts["student"] == "configs/seg/student_deeplab_mini.py"
    assert comparison.facts["teacher_parameters"] > comparison.facts["student_parameters"] > 0
    for run in comparison.phases.values():
        run()


def test_steps_train_without_moving_the_weights(monkeypatch):
    models = []
    real = benchmark.engine_step

    def recording(model, *arguments):
        models.append(model)
        return real(model, *arguments)

    monkeypatch.setattr(benchmark, "engine_step", recording)
    comparison = segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["cwd"])
    for model, name in zip(models, ("cwd step", STUDENT_STEP), strict=True):
        before = {key: value.clone() for key, value in model.named_parameters()}
        statistics = {key: value.clone() for key, value in model.named_buffers() if key.endswith("running_mean")}
        comparison.phases[name]()
        assert all(torch.equal(value, before[key]) for key, value in model.named_parameters())
        moved = [not torch.equal(value, statistics[key]) for key, value in model.named_buffers() if key in statistics]
        assert all(moved)


def test_an_unknown_method_is_named():
    with pytest.raises(ConfigError, match=r"bkpd.*did you mean 'bpkd'"):
        segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["bkpd"])
