"""Distilling any pair of classifiers without writing a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from common.classification.data_check import build_dataset, sample_shape
from common.classification.networks import num_classes
from common.config import CONVENTIONAL_KEYS, RUNNER_KEYS
from common.errors import ConfigError, did_you_mean
from common.teacher_config import teacher_model_config

_PAIR = {"student": "logits", "teacher": "logits"}

# Hyperparameters as in configs/common/*_digits.py, which say whose they are.
METHODS: dict[str, dict[str, Any]] = {
    "kd": {"type": "kd_loss", **_PAIR, "temperature": 4.0},
    "dkd": {"type": "dkd_loss", **_PAIR, "target": "gt_label", "alpha": 1.0, "beta": 8.0, "temperature": 4.0},
    "dist": {"type": "dist_loss", **_PAIR, "beta": 1.0, "gamma": 1.0, "temperature": 4.0, "weight": 2.0},
    "lskd": {"type": "lskd_loss", **_PAIR, "temperature": 2.0, "weight": 9.0},
}


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the classifier of ``cfg`` from a teacher.

    Args:
        cfg: a training config of a `common.classification.model.Classifier`.
        teacher: the teacher's config file, of another one.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, or networks of different classes.
        DataError: if the training data is not there, of which one sample is looked at.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    own, other = (
        num_classes(model.get("network") or {}) for model in (cfg.model, teacher_model_config("teacher", source))
    )
    if own != other:
        raise ConfigError(f"expected a teacher of {own} classes, as the student has, but {teacher} has {other}")
    out = cfg.copy()
    for key in [k for k in out if k not in RUNNER_KEYS and k not in CONVENTIONAL_KEYS]:
        out.pop(key)  # values that the config keeps for itself, already where they are used
    out.model = ConfigDict(
        type="Distiller",
        student=cfg.model,
        teachers={"teacher": source},
        taps={"logits": "network"},
        losses={method: dict(METHODS[method])},
        example={"type": "ClassExample", "shape": sample_shape(cfg, build_dataset(cfg, "train"))},
    )
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out
