"""What the benchmark runs for a segmentation network."""

import numpy as np
import pytest
import torch
from conftest import ROOT

from common.benchmark import STUDENT_STEP, TEACHER_FORWARD, Options
from common.config import read_config
from common.errors import ConfigError
from tasks.seg import benchmark
from tasks.seg.benchmark import segmentation, street_batch
from tasks.seg.clip_benchmark import CLIP_METHODS, CRITIC, NEXT_FRAME, TERMS, add_neighbours, clip_floor, clip_parts

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


def test_methods_on_clips_are_held_against_both_frames():
    comparison = segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["kd", "temporal", "gan"])
    assert list(comparison.phases) == [
        STUDENT_STEP,
        TEACHER_FORWARD,
        NEXT_FRAME,
        "kd step",
        "kd loss alone",
        "temporal step",
        "temporal loss alone",
        "gan step",
        "gan critic's step alone",
        "warping",
        "flow by DIS",
        "flow kept",
    ]
    assert comparison.floors == {
        "temporal step": (STUDENT_STEP, NEXT_FRAME),
        "gan step": (STUDENT_STEP, TEACHER_FORWARD),
    }
    for run in comparison.phases.values():
        run()


def test_all_terms_on_clips_make_a_step():
    comparison = segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["frames", "stkd"])
    for name in ("frames step", "frames loss alone", "stkd step", "stkd critic's step alone"):
        comparison.phases[name]()
    both = (STUDENT_STEP, TEACHER_FORWARD, NEXT_FRAME, TEACHER_FORWARD)
    assert clip_floor("frames") == clip_floor("stkd") == both


def test_terms_on_clips_are_those_of_the_configs():
    cfg = read_config(ROOT / "configs/_base_/seg/loss_stkd.py")
    terms = {name: dict(term) for name, term in cfg._stkd.items()}
    assert cfg._critic == CRITIC
    for branch in ("cnn", "transformer"):
        assert terms.pop(f"pair_{branch}") == {**TERMS["pair"], "student": branch, "teacher": branch}
    assert terms == {name: term for name, term in TERMS.items() if name != "pair"}
    assert {name for names in CLIP_METHODS.values() for name in names} == set(TERMS)


def test_next_frames_follow_their_flow():
    batch = street_batch(Options(size=(16, 24), batch=2), classes=3)
    add_neighbours(batch)
    for image, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
        u, v = (int(each[0, 0]) for each in sample.flow_next.data)
        assert torch.equal(image[:, : 16 - v, : 24 - u], sample.frame_next.data[:, v:, u:])
        assert (sample.flow_next.data == torch.tensor([u, v]).view(2, 1, 1)).all()


def test_kept_flow_is_read_and_not_estimated(monkeypatch):
    options = Options(size=(32, 32), batch=2)
    batch = street_batch(options, classes=3)
    add_neighbours(batch)
    parts = clip_parts(batch, 3, options)
    calls = []
    monkeypatch.setattr("tasks.seg.flow.DISFlow.estimate", lambda *pair: calls.append(pair) or np.zeros((2, 32, 32)))
    parts["flow kept"]()
    assert calls == []
    parts["flow by DIS"]()
    assert len(calls) == 2


def test_the_critics_step_alone_runs_the_critic_and_no_network(monkeypatch):
    models = []
    real = benchmark.critic_alone
    monkeypatch.setattr(benchmark, "critic_alone", lambda model, *rest: models.append(model) or real(model, *rest))
    run = segmentation(Options(size=(64, 64), batch=2), STUDENT, TEACHER, ["gan"]).phases["gan critic's step alone"]
    (model,), calls = models, []
    (loss,) = model.terms.adversaries()
    for name, module in (("critic", loss.critic), ("student", model.student.backbone)):
        module.register_forward_hook(lambda *_, name=name: calls.append(name))
    before = {key: value.clone() for key, value in loss.critic.named_parameters()}
    run()
    assert calls == ["critic"] * 3  # the teacher's maps, the student's, and for the penalty those between
    assert all(torch.equal(value, before[key]) for key, value in loss.critic.named_parameters())
    assert all(value.grad is None for value in model.student.parameters())
