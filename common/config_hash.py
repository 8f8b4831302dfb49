"""A hash of what a config trains, by which a stored result tells whether the config has changed since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.config import read_config
from common.provenance import PROJECT_ROOT

# What is trained, on what and how; the rest of a config says what is logged, shown and kept.
TRAINED = (
    "model",
    "data_preprocessor",
    "train_dataloader",
    "train_cfg",
    "optim_wrapper",
    "param_scheduler",
    "custom_hooks",
)
# Keys anywhere within it that differ between machines.
MACHINE = ("data_root", "num_workers", "persistent_workers", "prefetch_factor", "pin_memory")


def config_hash(config: str | Path, split: str, options: Sequence[str] = (), teachers: Sequence[str] = ()) -> str:
    """SHA-256 of the training that a config describes and of the data that ``split`` names.

    It is the same in every folder and on every machine, and for every way to write the same values.

    Args:
        config: the config file.
        split: ``'val'`` or ``'test'``.
        options: ``KEY=VALUE`` that the run is given beside it.
        teachers: the hashes of the configs that trained its teachers.

    Raises:
        ConfigError: if the file is missing or broken.
    """
    cfg = read_config(config).to_dict()
    kept = {key: _portable(cfg[key]) for key in (*TRAINED, f"{split}_dataloader") if key in cfg}
    text = json.dumps([kept, list(options), list(teachers)], sort_keys=True, default=_name)
    return hashlib.sha256(text.encode()).hexdigest()


def _portable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _portable(each) for key, each in value.items() if key not in MACHINE}
    if isinstance(value, (list, tuple)):
        return [_portable(each) for each in value]
    return value.replace(str(PROJECT_ROOT), "") if isinstance(value, str) else value


def _name(value: Any) -> str:
    return getattr(value, "__qualname__", str(value))
