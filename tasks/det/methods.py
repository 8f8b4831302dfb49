"""Distilling any pair of mmdet detectors without writing a config."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from common.config import CONVENTIONAL_KEYS, RUNNER_KEYS
from common.errors import ConfigError, did_you_mean
from common.stock_transforms import import_also
from common.teacher_config import teacher_model_config
from tasks.det.models import class_head

_PAIR = {"student": "neck", "teacher": "neck"}
_BOXES = {"boxes": "gt_instances.bboxes", "image_size": "gt.img_shape"}

# Hyperparameters as in configs/det/*_retinanet_*.py, which say whose they are.
METHODS: dict[str, dict[str, Any]] = {
    "acam": {"type": "ACAMLoss", **_PAIR},
    "fgd": {"type": "FGDLoss", **_PAIR, **_BOXES},
    "mgd": {"type": "MGDLoss", **_PAIR},
    "cwd": {"type": "CWDLoss", **_PAIR, "temperature": 1.0, "weight": 10.0},
    "pkd": {"type": "PKDLoss", **_PAIR, "weight": 10.0},
    "fitnet": {"type": "FitNetLoss", **_PAIR},
    "gan": {"type": "FeatureGANLoss", **_PAIR},
}
# GAN-KD's critics learn beside the student, with Adam as in the authors' log.
CRITIC = {"type": "OptimWrapper", "optimizer": {"type": "Adam", "lr": 5e-4, "betas": (0.5, 0.999)}}
# What the authors change for detectors of two stages.
TWO_STAGES: dict[str, dict[str, Any]] = {
    "fgd": {"alpha_fgd": 5e-5, "beta_fgd": 2.5e-5, "gamma_fgd": 5e-5, "lambda_fgd": 5e-7},
    "mgd": {"alpha": 5e-7, "mask_ratio": 0.45},
    "pkd": {"weight": 6.0},
}
# The methods whose authors start the student's neck and head with the teacher's weights.
INHERITING = ("acam", "fgd", "mgd")
PARTS = ("neck", "rpn_head", "bbox_head", "roi_head")


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the detector of ``cfg`` from a teacher, by the maps that their necks give.

    Args:
        cfg: any mmdet training config.
        teacher: the teacher's config file.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, a detector without a neck, and pairs of
            other classes or of necks with another number of levels or other strides.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    teacher_model = teacher_model_config("teacher", source)
    check_pair(cfg.model, teacher_model, str(cfg.filename), teacher)
    out = cfg.copy()
    for key in [k for k in out if k not in RUNNER_KEYS and k not in CONVENTIONAL_KEYS]:
        out.pop(key)  # values that the config keeps for itself, already where they are used
    loss = copy.deepcopy(METHODS[method])
    if "roi_head" in cfg.model:
        loss |= TWO_STAGES.get(method, {})
    out.model = ConfigDict(
        type="Distiller",
        student=cfg.model,
        teachers={"teacher": source},
        taps={"neck": "neck"},
        losses={method: loss},
        inherit=same_parts(cfg.model, teacher_model) if method in INHERITING else [],
        example={"type": "DetExample"},
    )
    if method == "gan":
        out.optim_wrapper = ConfigDict(
            constructor="CriticOptimWrapperConstructor", student=cfg.optim_wrapper, critic=copy.deepcopy(CRITIC)
        )
    import_also(out, "common.engine", "tasks.det")
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out


def same_parts(student: Mapping[str, Any], teacher: Mapping[str, Any]) -> list[str]:
    """The parts after the backbone that two detectors have alike, so that one can start with the other's weights."""
    return [
        part
        for part in PARTS
        if part in student and part in teacher and _layout(student[part]) == _layout(teacher[part])
    ]


def check_pair(student: Mapping[str, Any], teacher: Mapping[str, Any], student_path: str, teacher_path: str) -> None:
    """See that two detectors tell the same number of classes apart and have necks of the same levels.

    Raises:
        ConfigError: naming what differs.
    """
    necks = []
    for model, path in ((student, student_path), (teacher, teacher_path)):
        if not model.get("neck"):
            raise ConfigError(
                f"expected a detector with a neck, whose maps are distilled, but found none in {path} "
                f"({model.get('type')}); write a config with taps of your own"
            )
        necks.append(model["neck"])
    counts = [class_head(student, student_path)["num_classes"], class_head(teacher, teacher_path)["num_classes"]]
    if counts[0] != counts[1]:
        raise ConfigError(
            f"expected a teacher of {counts[0]} classes, as the student has, but {teacher_path} has {counts[1]}"
        )
    for key, default in (("num_outs", None), ("start_level", 0)):
        found = [_last(neck).get(key, default) for neck in necks]
        if None not in found and found[0] != found[1]:
            raise ConfigError(
                f"expected necks with the same {key} but found {found[0]} in {student_path} and {found[1]} in "
                f"{teacher_path}; maps of different strides can't be compared"
            )


def _last(neck: Any) -> Mapping[str, Any]:
    """Of necks in a row the last."""
    return neck[-1] if isinstance(neck, (list, tuple)) else neck


def _layout(part: Any) -> Any:
    """What of a part's config decides its weights: all but losses and starting values."""
    if isinstance(part, (list, tuple)):
        return [_layout(each) for each in part]
    if not isinstance(part, Mapping):
        return part
    return {key: _layout(value) for key, value in part.items() if not key.startswith("loss") and key != "init_cfg"}
