"""Distilling any pair of mmseg networks without writing a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from common.config import CONVENTIONAL_KEYS, RUNNER_KEYS
from common.errors import ConfigError, did_you_mean
from common.teacher_config import teacher_model_config

_PAIR = {"student": "logits", "teacher": "logits"}

# Hyperparameters as in configs/seg/*_deeplab.py, which say whose they are.
METHODS: dict[str, dict[str, Any]] = {
    "kd": {"type": "KDLoss", **_PAIR, "target": "gt_sem_seg", "temperature": 1.0},
    "cwd": {"type": "CWDLoss", **_PAIR, "temperature": 4.0, "weight": 3.0},
    "bpkd": {"type": "BPKDLoss", **_PAIR, "target": "gt_sem_seg"},
}


def logits_path(model: ConfigDict) -> str:
    """Path of the layer whose output are the class scores before upsampling: the last decode head's classifier."""
    head = model.get("decode_head")
    if head is None:
        raise ConfigError(f"expected an mmseg network with a decode_head but found {model.get('type')}")
    if isinstance(head, (list, tuple)):
        return f"decode_head.{len(head) - 1}.{_classifier(head[-1])}"
    return f"decode_head.{_classifier(head)}"


def _classifier(head: ConfigDict) -> str:
    return "fc_seg" if head.get("type") == "PointHead" else "conv_seg"


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the network of ``cfg`` from a teacher.

    Args:
        cfg: any mmseg training config.
        teacher: the teacher's config file.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, or pairs of different classes.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    teacher_model = teacher_model_config("teacher", source)
    taps = {"student": logits_path(cfg.model), "teacher": logits_path(teacher_model)}
    _same_classes(cfg.model, teacher_model, teacher)
    out = cfg.copy()
    for key in [k for k in out if k not in RUNNER_KEYS and k not in CONVENTIONAL_KEYS]:
        out.pop(key)  # values that the config keeps for itself, already where they are used
    out.model = ConfigDict(
        type="Distiller",
        student=cfg.model,
        teachers={"teacher": source},
        taps={"logits": taps},
        losses={method: dict(METHODS[method])},
        example={"type": "SegExample", "size": (128, 128)},
    )
    imports = dict(out.get("custom_imports") or {})
    imports["imports"] = list(dict.fromkeys([*imports.get("imports", []), "common.engine", "tasks.seg"]))
    imports.setdefault("allow_failed_imports", False)
    out.custom_imports = imports
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out


def _same_classes(student: ConfigDict, teacher: ConfigDict, path: str) -> None:
    heads = [
        m.decode_head[-1] if isinstance(m.decode_head, (list, tuple)) else m.decode_head for m in (student, teacher)
    ]
    found = [head.get("num_classes") for head in heads]
    if found[0] != found[1]:
        raise ConfigError(f"expected a teacher of {found[0]} classes, as the student has, but {path} has {found[1]}")
