"""The four domains. Each has a module ``entry`` with what the command lines need from it."""

from __future__ import annotations

import importlib
from types import ModuleType

from mmengine.config import Config

from common.errors import ConfigError

SCOPES = {"mmseg": "seg"}


def task_of(cfg: Config) -> ModuleType:
    """The ``entry`` module of the task that a config belongs to, by its ``default_scope``.

    Raises:
        ConfigError: if no task has that scope.
    """
    scope = cfg.get("default_scope")
    if scope not in SCOPES:
        known = ", ".join(repr(name) for name in SCOPES)
        raise ConfigError(f"expected default_scope {known} in {cfg.filename} but found {scope!r}")
    return importlib.import_module(f"tasks.{SCOPES[scope]}.entry")
