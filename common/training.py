"""Running a config: from the file to the last checkpoint."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import MMLogger
from mmengine.model import is_model_wrapper
from mmengine.registry import OPTIMIZERS, init_default_scope
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table
from torch import nn

from common.atomic import remove_unfinished
from common.checkpoint import load_strictly, read_checkpoint
from common.distiller import Distiller
from common.engine_log import concise
from common.errors import CheckpointError, ConfigError, did_you_mean
from common.hooks import ProgressHook
from common.teacher_config import teacher_model_config, without_pretrained
from common.terms import TABLE_COLUMNS
from common.unknown_keys import explain

EVALUATORS = ("val_evaluator", "test_evaluator")
# What constructors raise at keys, types and values that they do not know, and networks at inputs that they do not take.
_CONFIG_ERRORS = (
    TypeError,
    KeyError,
    ValueError,
    AttributeError,
    AssertionError,
    ImportError,
    FileNotFoundError,
    RuntimeError,
)


def set_data_root(cfg: Any, root: str) -> None:
    """Point every dataset of a config, nested ones included, at another folder, in place.

    Evaluators that read a file of their own (``ann_file``, as mmdet's ``CocoMetric``) follow where it lies in a folder
    that a dataset had as ``data_root``.

    Raises:
        ConfigError: if no dataset has a ``data_root``.
    """
    former = _set_data_root(cfg, root)
    if not former:
        raise ConfigError("--data-root: expected datasets with a data_root but found none in the config")
    for name in EVALUATORS:
        found = cfg.get(name) if isinstance(cfg, (dict, Config)) else None
        for evaluator in found if isinstance(found, (list, tuple)) else [found]:
            if isinstance(evaluator, dict) and isinstance(evaluator.get("ann_file"), str):
                evaluator["ann_file"] = _moved(evaluator["ann_file"], former, root)


def _set_data_root(cfg: Any, root: str) -> list[Any]:
    """Set it wherever there is one, and return what it was."""
    if isinstance(cfg, (list, tuple)):
        return [former for value in cfg for former in _set_data_root(value, root)]
    if not isinstance(cfg, (dict, Config)):
        return []
    former = [each for value in cfg.values() for each in _set_data_root(value, root)]
    if "data_root" in cfg:
        former.append(cfg["data_root"])
        cfg["data_root"] = root
    return former


def _moved(file: str, former: Iterable[Any], root: str) -> str:
    """A file below one of the former folders, the innermost, as it is called below ``root``; any other stays."""
    inside = [Path(each) for each in former if each and Path(file).is_relative_to(each)]
    return str(Path(root) / Path(file).relative_to(max(inside, key=lambda each: len(each.parts)))) if inside else file


def forget_pretrained(cfg: Config) -> None:
    """Let the networks of a config, teachers without a checkpoint too, start at random instead of fetching weights."""
    cfg.model = without_pretrained(cfg.model)
    for name, teacher in (cfg.model.get("teachers") or {}).items():
        if teacher.get("config") and not teacher.get("model") and teacher.get("checkpoint") is None:
            teacher["model"] = without_pretrained(teacher_model_config(name, teacher))


def use_mixed_precision(cfg: Config) -> None:
    """Train under autocast with a scaled loss.

    Raises:
        ConfigError: without a GPU, which the engine's wrapper asks for.
    """
    if not torch.cuda.is_available():
        raise ConfigError("expected a GPU for mixed precision (--amp) but found none; leave --amp out")
    settings = cfg.optim_wrapper
    # With critics there is one for the student and one for them.
    for wrapper in (settings.student, settings.critic) if "critic" in settings else (settings,):
        wrapper.type = "AmpOptimWrapper"


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint of the highest iteration or epoch in a work folder."""
    found = []
    for path in Path(work_dir).glob("*.pth"):
        match = re.fullmatch(r"(?:iter|epoch)_(\d+)\.pth", path.name)
        if match:
            found.append((int(match[1]), path))
    return max(found)[1] if found else None


class ConciseRunner(Runner):
    """The engine's runner, which keeps its pages of environment, config and hooks to the log file.

    Raises:
        ConfigError: for schedules that cannot be built, which the engine leaves to the start of training.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """A logger whose terminal output is concise; see `common.engine_log`."""
        logger = super().build_logger(*args, **kwargs)
        concise(logger)
        return logger

    def build_param_scheduler(self, *args: Any, **kwargs: Any) -> Any:
        """The engine's schedules."""
        with config_errors("param_scheduler", self.cfg):
            return super().build_param_scheduler(*args, **kwargs)


@contextmanager
def config_errors(what: str, cfg: Config) -> Iterator[None]:
    """Turn what constructors raise about a config within the block into one message.

    Raises:
        ConfigError: "``what`` of FILE cannot be built", and why.
        CheckpointError: for published weights that cannot be fetched.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except URLError as error:
        raise _not_fetched(cfg, error) from error
    except _CONFIG_ERRORS as error:
        raise ConfigError(f"{what} of {cfg.filename} cannot be built: {explain(error)}") from error


def build_runner(cfg: Config) -> Runner:
    """Build the engine's runner, and turn what its constructors raise about a config into one message.

    Raises:
        UserError: as `config_errors`, for a key that some part of the run does not know, or a part that can't be built.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    _join_processes(cfg)
    with config_errors("the run", cfg):
        runner = ConciseRunner.from_cfg(cfg)
        if cfg.get("train_cfg") is not None:
            _check_names(runner)
            _build_parts(runner)
    return runner


def _not_fetched(cfg: Config, error: URLError) -> CheckpointError:
    return CheckpointError(
        f"cannot fetch the pretrained weights that {cfg.filename} names: {error.reason}; start at random "
        f"(--no-pretrained), or name a file (pretrained, or a teacher's checkpoint)"
    )


def _build_parts(runner: Runner) -> None:
    """Build what the engine leaves to `Runner.train`, in its order, so that mistakes in it show here."""
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    if runner._val_loop is not None:
        runner._val_loop = runner.build_val_loop(runner._val_loop)


def _check_names(runner: Runner) -> None:
    """What the engine finds out late, or says badly: an unknown optimiser, an unknown key of the checkpoint hook."""
    optimizer = (runner.cfg.optim_wrapper.get("optimizer") or {}).get("type")
    if isinstance(optimizer, str) and OPTIMIZERS.get(optimizer) is None:
        raise ConfigError(f"no optimizer {optimizer!r}{did_you_mean(optimizer, OPTIMIZERS.module_dict)}")
    known = [*inspect.signature(CheckpointHook).parameters, *inspect.signature(Runner.save_checkpoint).parameters]
    for hook in runner.hooks:
        for key in hook.args if isinstance(hook, CheckpointHook) else ():
            if key not in known:
                raise ConfigError(f"default_hooks.checkpoint: unknown key {key!r}{did_you_mean(key, known)}")


def _join_processes(cfg: Config) -> None:
    """Without GPUs, connect to the other processes here: the engine's own way asks for a GPU."""
    if cfg.get("launcher", "none") != "pytorch" or torch.cuda.is_available() or is_distributed():
        return
    if "RANK" not in os.environ:
        raise ConfigError("--launcher pytorch expects to be started by torchrun (torchrun --nproc-per-node=2 …)")
    torch.distributed.init_process_group(backend="gloo")


def leave_processes() -> None:
    """Disconnect from the other processes where there are any: threads that still listen at exit abort the program."""
    if is_distributed():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def train(cfg: Config, resume: bool = False, trust: bool = False) -> Runner:
    """Train what a config describes.

    Args:
        cfg: a config after `common.config.prepare_run`.
        resume: go on from the newest checkpoint in the work folder; starts anew where there is none.
        trust: unpickle whatever that checkpoint, and those of teachers and of a warm start hold.

    Raises:
        UserError: for anything in config, data or checkpoints that is the user's to mend.
    """
    remove_unfinished(cfg.work_dir)
    for teacher in cfg.model.get("teachers", {}).values() if trust else ():
        teacher["trust"] = True
    if trust and cfg.model.get("start"):
        cfg.model.trust_start = True
    stored = None
    if resume:
        newest = newest_checkpoint(cfg.work_dir)
        if newest is not None:
            cfg.load_from, cfg.resume = str(newest), True
    elif newest_checkpoint(cfg.work_dir) is not None:
        raise CheckpointError(
            f"{cfg.work_dir} already holds a run; go on with it (--resume), or name another folder (--work-dir)"
        )
    if cfg.get("load_from"):
        stored = read_checkpoint(cfg.load_from, trust)  # the engine itself would unpickle anything
    runner = build_runner(cfg)
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    if stored is not None:
        _check_start(model, stored, cfg)
    if isinstance(model, Distiller) and is_main_process():
        print_terms(model)
    try:
        runner.train()
    except URLError as error:
        raise _not_fetched(cfg, error) from error
    finally:
        for hook in runner.hooks:
            if isinstance(hook, ProgressHook):
                hook.after_train(runner)
    return runner


def _check_start(model: nn.Module, stored: Mapping[str, Any], cfg: Config) -> None:
    """A resumed run must find all of its weights; one that starts from others, at least some of them."""
    state = {**stored.get("state_dict", stored), **stored.get("distill_state", {})}
    if cfg.get("resume"):
        load_strictly(model, state, f"{cfg.load_from} (to go on with {cfg.filename})")
        return
    own = model.state_dict()
    if not any(key in own and getattr(value, "shape", None) == own[key].shape for key, value in state.items()):
        raise CheckpointError(f"load_from: none of the weights in {cfg.load_from} fits the model of {cfg.filename}")


def print_terms(model: Distiller, console: Console | None = None) -> None:
    """Print the table tap -> shape -> adapter -> loss -> weight."""
    table = Table(*TABLE_COLUMNS, title="Distillation")
    for row in model.terms.table():
        table.add_row(*row)
    (console or Console(width=120)).print(table)
