"""Distilling any pair of landmark networks without writing a config."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config, ConfigDict

from common.errors import ConfigError, did_you_mean
from common.teacher_config import teacher_model_config
from tasks.landmarks.model import num_points_of


class Method(NamedTuple):
    """Losses by name, and the weight of the student's own loss beside them."""

    losses: dict[str, dict[str, Any]]
    label_weight: float = 1.0


_POINTS = {"student": "points", "target": "gt_points"}

# Hyperparameters as in configs/landmarks/*_w300.py, which say whose they are. A single teacher is a tough teacher.
METHODS: dict[str, Method] = {
    "kd_landmark": Method(
        {"kd": {"type": "KDLandmarkLoss", **_POINTS, "tough": "teacher.points", "preset": "code"}}, 0
    ),
    "output": Method(
        {"output": {"type": "fitnet_loss", "student": "points", "teacher": "points", "adapter": None, "weight": 1.0}}
    ),
    "feature": Method({"feature": {"type": "pkd_loss", "student": "features", "teacher": "features", "weight": 0.01}}),
}


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the network of ``cfg`` from a teacher.

    Args:
        cfg: config of a `tasks.landmarks.model.LandmarkModel`.
        teacher: the teacher's config file, of the same kind.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, or a teacher of another number of points.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    check_pair(cfg.model, teacher_model_config("teacher", source), teacher)
    losses, label_weight = copy.deepcopy(METHODS[method])
    out = cfg.copy()
    out.model = ConfigDict(
        type="Distiller",
        student={**cfg.model, "loss_weight": label_weight},
        teachers={"teacher": source},
        taps={"points": "network", "features": "network.features"},
        losses=losses,
        example={"type": "FaceExample"},
    )
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out


def check_pair(student: ConfigDict, teacher: ConfigDict, teacher_path: str) -> None:
    """See that two models give the same points.

    Raises:
        ConfigError: if they do not, or one of them gives heat maps.
    """
    counts, kinds = [], []
    for model in (student, teacher):
        network = model.get("network", {})
        counts.append(num_points_of(model))
        kinds.append(network.get("type"))
    if None not in counts and counts[0] != counts[1]:
        raise ConfigError(
            f"expected a teacher of {counts[0]} points, as the student has, but {teacher_path} has {counts[1]}"
        )
    if "HeatmapNetwork" in kinds:
        raise ConfigError(
            f"expected networks that give coordinates but found heat maps ({' and '.join(map(str, kinds))}); see "
            "configs/landmarks/mobilefan_w300.py"
        )
