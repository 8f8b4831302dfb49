"""What a run of the engine does beside training."""

from __future__ import annotations

import logging
import sys
from numbers import Real
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from common.cache import CachedTeacher
from common.checkpoint import file_sha256
from common.distiller import DISTILL_PREFIX, Distiller
from common.finite import check_finite
from common.provenance import commit, portable_path


def _portable(path: Any) -> str:
    return "" if path is None else str(path) if "://" in str(path) else portable_path(path)


def _bare(model: torch.nn.Module) -> torch.nn.Module:
    return model.module if is_model_wrapper(model) else model


@HOOKS.register_module()
class SplitCheckpointHook(Hook):
    """Makes checkpoints plain: ``state_dict`` is the student's; adapters and losses go to ``distill_state``.

    Also notes under ``distill`` where the student comes from: config, losses, teachers with the hashes of their
    weights, the file of a warm start with its hash, seed, commit. It runs after EMA has put its weights in.
    """

    priority = "VERY_LOW"

    def before_train(self, runner: Runner) -> None:
        """Take the hash of what the student starts from, while the file is sure to be the one that was read."""
        start = runner.cfg.model.get("start") if isinstance(_bare(runner.model), Distiller) else None
        if start is not None:
            self._start = {"checkpoint": _portable(start), "sha256": file_sha256(start)}

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Split the weights and add the provenance."""
        state = checkpoint["state_dict"]
        beside = {key: state.pop(key) for key in [k for k in state if k.startswith(DISTILL_PREFIX)]}
        if beside:
            checkpoint["distill_state"] = beside
        checkpoint["distill"] = self._provenance(runner)

    def _provenance(self, runner: Runner) -> dict[str, Any]:
        if not hasattr(self, "_noted"):
            self._noted = {"config": _portable(runner.cfg.filename), "seed": runner.seed, "commit": commit()}
            model = _bare(runner.model)
            if isinstance(model, Distiller):
                teachers = runner.cfg.model.get("teachers", {})
                if hasattr(self, "_start"):
                    self._noted["start"] = self._start
                self._noted["losses"] = {name: term.spec.describe() for name, term in model.terms.items()}
                self._noted["teachers"] = {
                    name: {
                        "config": _portable(teachers[name].get("config")),
                        "checkpoint": _portable(teachers[name].get("checkpoint")),
                        "sha256": teacher.fingerprint(),
                    }
                    for name, teacher in model.teachers.items()
                }
        return self._noted


@HOOKS.register_module()
class JoinCheckpointHook(Hook):
    """Puts ``distill_state`` back beside the student's weights before a run resumes, ahead of EMA's own step."""

    priority = "VERY_HIGH"

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Join what `SplitCheckpointHook` split."""
        checkpoint["state_dict"].update(checkpoint.get("distill_state", {}))


@HOOKS.register_module()
class SeededStepHook(Hook):
    """Seeds torch from (seed, step, rank) before each step.

    Dropout then depends on the step alone, not on what ran before it (validation, a restart), so that a resumed
    run repeats an undisturbed one bit for bit.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed the step."""
        words = np.random.SeedSequence((runner.seed, runner.iter, get_rank())).generate_state(2)
        torch.manual_seed(int(words[0]) << 32 | int(words[1]) >> 1 << 1)


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stops at a NaN or infinite loss, before anything is saved."""

    priority = "VERY_HIGH"

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Check the step's losses."""
        check_finite({k: v for k, v in (outputs or {}).items() if "loss" in k}, runner.iter)


@HOOKS.register_module()
class ProgressHook(Hook):
    """A progress bar with loss, throughput and time left, where the output is a terminal.

    Elsewhere the engine's log lines, which say the same, are left as they are.
    """

    def __init__(self):
        self._progress = None

    def before_train(self, runner: Runner) -> None:
        """Start the bar and keep log lines below warnings out of the terminal."""
        if not is_main_process() or not sys.stdout.isatty():
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        for handler in runner.logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.WARNING)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("{task.fields[speed]} img/s"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(
            runner.experiment_name, total=runner.max_iters, completed=runner.iter, loss="-", speed="-"
        )
        self._progress.start()

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Move the bar."""
        if self._progress is None:
            return
        speed = self._progress.tasks[0].speed
        batch = len(data_batch["inputs"]) if isinstance(data_batch, dict) and "inputs" in data_batch else 1
        self._progress.update(
            self._task,
            completed=runner.iter + 1,
            loss=f"{float(outputs['loss']):.3f}" if outputs and "loss" in outputs else "-",
            speed=f"{speed * batch:.1f}" if speed else "-",
        )

    def after_train(self, runner: Runner) -> None:
        """End the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


@HOOKS.register_module()
class TeacherCheckHook(Hook):
    """Evaluates every teacher on a few validation batches before training, to show that it really loaded.

    Args:
        batches: how many.
    """

    def __init__(self, batches: int = 1):
        self.batches = batches

    def before_train(self, runner: Runner) -> None:
        """Print each teacher's metrics."""
        model = _bare(runner.model)
        if not isinstance(model, Distiller) or runner.val_loop is None:
            return
        loop = runner.val_loop
        for name, teacher in model.teachers.items():
            if isinstance(teacher, CachedTeacher):
                runner.logger.info(f"teacher {name!r}: its outputs for the training data are stored, and not checked")
                continue
            seen = 0
            for index, batch in enumerate(loop.dataloader):
                if index == self.batches:
                    break
                data = teacher.model.data_preprocessor(batch, False)
                samples = teacher(**data, mode="predict")
                loop.evaluator.process(data_samples=samples, data_batch=batch)
                seen += len(samples)
            metrics = loop.evaluator.evaluate(seen * max(runner.world_size, 1))
            shown = ", ".join(f"{k} {v:.2f}" for k, v in metrics.items() if isinstance(v, Real))
            runner.logger.info(f"teacher {name!r} on {seen} validation samples: {shown}")
