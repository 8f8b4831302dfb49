"""What a run does beside training, one hook at a time; whole runs are in test_training.py."""

import hashlib
import io
import subprocess
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from toys import ToySegmentor

from common.distiller import Distiller
from common.finite import NonFiniteLossError
from common.hooks import FiniteLossHook, JoinCheckpointHook, ProgressHook, SeededStepHook, SplitCheckpointHook, commit
from common.provenance import portable_path

LOSS = {"type": "CWDLoss", "student": "features", "teacher": "features", "weight": 3.0}


@pytest.fixture
def distiller():
    teacher = {"model": {"type": "ToySegmentor", "width": 8}, "checkpoint": None}
    return Distiller({"type": "ToySegmentor"}, {"teacher": teacher}, {"features": "body"}, {"cwd": LOSS})


def runner_of(model):
    config = {"model": {"teachers": {"teacher": {"config": "t.py", "checkpoint": "t.pth"}}}}
    return SimpleNamespace(model=model, seed=3, cfg=Config(config), iter=0)


def test_split_checkpoint_is_the_plain_student_and_joins_again(distiller):
    expected = dict(distiller.state_dict())
    checkpoint = {"state_dict": distiller.state_dict()}
    SplitCheckpointHook().before_save_checkpoint(runner_of(distiller), checkpoint)
    ToySegmentor().load_state_dict(checkpoint["state_dict"], strict=True)
    assert checkpoint["distill_state"].keys() == {f"distill.terms.cwd.adapter.{part}" for part in ("weight", "bias")}
    JoinCheckpointHook().after_load_checkpoint(None, checkpoint)
    distiller.load_state_dict(checkpoint["state_dict"], strict=True)
    assert checkpoint["state_dict"].keys() == expected.keys()


def test_provenance_names_losses_teachers_seed_and_commit(distiller):
    checkpoint = {"state_dict": distiller.state_dict()}
    SplitCheckpointHook().before_save_checkpoint(runner_of(distiller), checkpoint)
    note = checkpoint["distill"]
    assert note["seed"] == 3
    assert note["losses"] == {
        "cwd": "3 * CWDLoss(temperature=1.0) on student=student.features, teacher=teacher.features"
    }
    sha256 = distiller.teachers["teacher"].fingerprint()
    assert note["teachers"] == {"teacher": {"config": "t.py", "checkpoint": "t.pth", "sha256": sha256}}
    assert note["commit"] == commit()


def test_provenance_names_the_file_of_a_warm_start_as_it_was_when_training_began(tmp_path):
    path = tmp_path / "alone.pth"
    torch.save(ToySegmentor().state_dict(), path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    started = Distiller({"type": "ToySegmentor"}, start=str(path))
    runner = runner_of(started)
    runner.cfg.model.start = str(path)
    hook, checkpoint = SplitCheckpointHook(), {"state_dict": started.state_dict()}
    hook.before_train(runner)
    path.unlink()
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint["distill"]["start"] == {"checkpoint": portable_path(path), "sha256": sha256}


def test_provenance_of_a_random_start_names_none(distiller):
    hook, checkpoint = SplitCheckpointHook(), {"state_dict": distiller.state_dict()}
    hook.before_train(runner_of(distiller))
    hook.before_save_checkpoint(runner_of(distiller), checkpoint)
    assert "start" not in checkpoint["distill"]


def test_checkpoint_of_a_plain_model_gets_its_seed_and_nothing_taken_away():
    model = ToySegmentor()
    checkpoint = {"state_dict": model.state_dict()}
    SplitCheckpointHook().before_save_checkpoint(runner_of(model), checkpoint)
    assert checkpoint["state_dict"].keys() == model.state_dict().keys()
    assert "distill_state" not in checkpoint
    assert "teachers" not in checkpoint["distill"]


def test_commit_is_gits_or_empty(monkeypatch):
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=".").stdout.strip()
    assert commit().removesuffix("-dirty") in (found, "")

    def missing(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", missing)
    assert commit() == ""


def drawn(seed, step):
    SeededStepHook().before_train_iter(SimpleNamespace(seed=seed, iter=step), 0)
    return torch.rand(3).tolist()


def test_random_numbers_of_a_step_follow_from_seed_and_step_alone():
    first = drawn(1, 5)
    torch.rand(17)
    assert drawn(1, 5) == first
    assert len({tuple(drawn(seed, step)) for seed in (1, 2) for step in (5, 6)}) == 4


def test_processes_draw_different_numbers(monkeypatch):
    first = drawn(1, 5)
    monkeypatch.setattr("common.hooks.get_rank", lambda: 1)
    assert drawn(1, 5) != first


def test_only_losses_are_checked_for_nan():
    hook, runner = FiniteLossHook(), SimpleNamespace(iter=4)
    hook.after_train_iter(runner, 0, outputs={"loss": torch.tensor(1.0), "decode.acc_seg": torch.tensor(float("nan"))})
    hook.after_train_iter(runner, 0, outputs=None)
    with pytest.raises(NonFiniteLossError, match="loss_kd became nan at step 4"):
        hook.after_train_iter(runner, 0, outputs={"loss_kd": torch.tensor(float("nan"))})


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run_progress(stream, monkeypatch):
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    runner = SimpleNamespace(logger=SimpleNamespace(handlers=[]), experiment_name="run", max_iters=4, iter=2)
    hook = ProgressHook()
    hook.before_train(runner)
    for runner.iter in (2, 3):
        hook.after_train_iter(runner, 0, {"inputs": [1, 2]}, {"loss": torch.tensor(0.125)})
    hook.after_train(runner)
    hook.after_train(runner)  # `train` ends it once more, in case training failed
    return stream.getvalue()


def test_progress_goes_on_from_a_resumed_iteration_on_a_terminal(monkeypatch):
    shown = run_progress(Terminal(), monkeypatch)
    assert "4/4" in shown
    assert "loss 0.125" in shown
    assert "img/s" in shown


def test_no_progress_bar_where_output_is_a_file(monkeypatch):
    assert run_progress(io.StringIO(), monkeypatch) == ""
