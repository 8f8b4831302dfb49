"""Distilling any pair of mmseg networks without writing a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from common.config import CONVENTIONAL_KEYS, RUNNER_KEYS
from common.errors import ConfigError, did_you_mean
from common.stock_transforms import import_also
from common.teacher_config import teacher_model_config

_PAIR = {"student": "logits", "teacher": "logits"}

# Hyperparameters as in configs/seg/*_deeplab.py, which say whose they are.
METHODS: dict[str, dict[str, Any]] = {
    "kd": {"type": "KDLoss", **_PAIR, "target": "gt_sem_seg", "temperature": 1.0},
    "cwd": {"type": "CWDLoss", **_PAIR, "temperature": 4.0, "weight": 3.0},
    "bpkd": {"type": "BPKDLoss", **_PAIR, "target": "gt_sem_seg"},
}


def last_head(model: ConfigDict) -> ConfigDict:
    """The config of the decode head that gives a network's predictions: the only one, or a cascade's last.

    Raises:
        ConfigError: if the network has none.
    """
    head = model.get("decode_head")
    if not head:
        raise ConfigError(f"expected an mmseg network with a decode_head but found {model.get('type')}")
    return head[-1] if isinstance(head, (list, tuple)) else head


def logits_path(model: ConfigDict) -> str:
    """Path of the layer whose output are the class scores before upsampling: the last decode head's classifier.

    Raises:
        ConfigError: if the network has no decode head, or one without dense class scores.
    """
    if last_head(model).get("type") == "PointHead":
        raise ConfigError(
            "PointRend refines sampled points, it has no dense class scores to distil; take a network whose last "
            "decode head is not a PointHead"
        )
    heads = model["decode_head"]
    cascade = f".{len(heads) - 1}" if isinstance(heads, (list, tuple)) else ""
    return f"decode_head{cascade}.conv_seg"


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the network of ``cfg`` from a teacher.

    Args:
        cfg: any mmseg training config.
        teacher: the teacher's config file.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, pairs of different classes, and heads
            without dense scores of at least two classes.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    teacher_model = teacher_model_config("teacher", source)
    taps = {"student": logits_path(cfg.model), "teacher": logits_path(teacher_model)}
    _same_classes(cfg.model, teacher_model, str(cfg.filename), teacher)
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
    import_also(out, "common.engine", "tasks.seg")
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out


def _same_classes(student: ConfigDict, teacher: ConfigDict, student_path: str, teacher_path: str) -> None:
    found = []
    for model, path in ((student, student_path), (teacher, teacher_path)):
        head = last_head(model)
        channels = head.get("out_channels")
        channels = head.get("num_classes") if channels is None else channels
        if channels == 1:
            raise ConfigError(
                f"expected at least 2 class scores per pixel but {path} has a head with a single channel, over which "
                "a softmax is always 1; train both networks with num_classes=2 and without out_channels=1"
            )
        found.append((head.get("num_classes"), channels))
    if found[0] != found[1]:
        raise ConfigError(
            f"expected a teacher of {found[0][0]} classes, as the student has, but {teacher_path} has {found[1][0]}"
        )
