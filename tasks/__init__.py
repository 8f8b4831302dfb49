"""The domains. Each has a module ``entry`` with what the command lines need from it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from types import ModuleType

from mmengine.config import Config

from common.errors import ConfigError, did_you_mean

# What a config may name as its task -> module with its commands.
ENTRIES = {
    "amr": "tasks.amr.entry",
    "classification": "common.classification.entry",
    "det": "tasks.det.entry",
    "landmarks": "tasks.landmarks.entry",
    "seg": "tasks.seg.entry",
}
# Configs of other packages name no task; their scope tells.
SCOPES = {"mmdet": "det", "mmseg": "seg"}


def task_of(cfg: Config) -> ModuleType:
    """The ``entry`` module of the task that a config belongs to, by its ``task`` or else its ``default_scope``.

    Raises:
        ConfigError: if there is no such task.
    """
    name = cfg.get("task") or SCOPES.get(cfg.get("default_scope"))
    if name not in ENTRIES:
        if cfg.get("task"):
            raise ConfigError(f"no task {name!r} ({cfg.filename}){did_you_mean(name, ENTRIES)}")
        scopes = ", ".join(repr(scope) for scope in SCOPES)
        raise ConfigError(
            f"expected task (one of {', '.join(ENTRIES)}) or default_scope {scopes} in {cfg.filename} but found "
            f"default_scope {cfg.get('default_scope')!r}"
        )
    return entry_of(name)


def entry_of(task: str) -> ModuleType:
    """The ``entry`` module of a task, one of `ENTRIES`."""
    return importlib.import_module(ENTRIES[task])


def command_of(cfg: Config, command: str) -> Callable:
    """What a config's task has for a command: ``'score'``, ``'predict'``, ``'export'``, ….

    Raises:
        ConfigError: if there is no such task, or it does not have the command.
    """
    entry = task_of(cfg)
    if not hasattr(entry, command):
        raise ConfigError(f"there is no {command} for {cfg.filename}: its task does not have that command")
    return getattr(entry, command)


def check_options(command: Callable, options: Iterable[str], what: str) -> None:
    """Refuse options of a command line that a task's command does not take.

    Args:
        command: what `command_of` gives.
        options: names of the options that were given.
        what: that they were given for, for the message.

    Raises:
        ConfigError: naming the first of them.
    """
    for name in options:
        if name not in inspect.signature(command).parameters:
            raise ConfigError(f"--{name.replace('_', '-')} does not belong to {what}; see --help for what does")
