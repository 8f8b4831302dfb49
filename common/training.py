"""Running a config: from the file to the last checkpoint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from common.atomic import remove_unfinished
from common.checkpoint import read_checkpoint
from common.distiller import Distiller
from common.errors import CheckpointError, ConfigError
from common.teacher_config import without_pretrained
from common.terms import TABLE_COLUMNS


def set_data_root(cfg: Any, root: str) -> None:
    """Point every dataset of a config, nested ones included, at another folder."""
    if isinstance(cfg, dict):
        if "data_root" in cfg:
            cfg["data_root"] = root
        for value in cfg.values():
            set_data_root(value, root)
    elif isinstance(cfg, (list, tuple)):
        for value in cfg:
            set_data_root(value, root)


def forget_pretrained(cfg: Config) -> None:
    """Let the networks of a config start at random instead of fetching ImageNet weights."""
    cfg.model = without_pretrained(cfg.model)


def newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint of the highest iteration or epoch in a work folder."""
    found = []
    for path in Path(work_dir).glob("*.pth"):
        match = re.fullmatch(r"(?:iter|epoch)_(\d+)\.pth", path.name)
        if match:
            found.append((int(match[1]), path))
    return max(found)[1] if found else None


def build_runner(cfg: Config) -> Runner:
    """Build the engine's runner, and turn what its constructors raise about a config into one message.

    Raises:
        ConfigError: for a key that some part of the run does not know, or a part that can't be built.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    try:
        return Runner.from_cfg(cfg)
    except (TypeError, KeyError, ModuleNotFoundError) as error:
        message = " ".join(str(error).split())
        raise ConfigError(f"the run of {cfg.filename} cannot be built: {message}") from error


def train(cfg: Config, resume: bool = False, trust: bool = False) -> Runner:
    """Train what a config describes.

    Args:
        cfg: a config after `common.config.prepare_run`.
        resume: go on from the newest checkpoint in the work folder; starts anew where there is none.
        trust: unpickle whatever that checkpoint holds.

    Raises:
        UserError: for anything in config, data or checkpoints that is the user's to mend.
    """
    remove_unfinished(cfg.work_dir)
    if resume:
        newest = newest_checkpoint(cfg.work_dir)
        if newest is not None:
            read_checkpoint(newest, trust)
            cfg.load_from, cfg.resume = str(newest), True
    elif newest_checkpoint(cfg.work_dir) is not None:
        raise CheckpointError(
            f"{cfg.work_dir} already holds a run; go on with it (--resume), or name another folder (--work-dir)"
        )
    runner = build_runner(cfg)
    if isinstance(runner.model, Distiller) or isinstance(getattr(runner.model, "module", None), Distiller):
        print_terms(getattr(runner.model, "module", runner.model))
    runner.train()
    return runner


def print_terms(model: Distiller, console: Console | None = None) -> None:
    """Print the table tap -> shape -> adapter -> loss -> weight."""
    table = Table(*TABLE_COLUMNS, title="Distillation")
    for row in model.terms.table():
        table.add_row(*row)
    (console or Console(width=120)).print(table)
