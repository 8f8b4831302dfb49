"""Distilling any pair of networks for IQ frames without writing a config."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config, ConfigDict

from common.errors import ConfigError, did_you_mean
from common.teacher_config import teacher_model_config
from tasks.amr.losses import FULL, LOW

_LOGITS = {"student": "logits", "teacher": "logits"}
_MAPS = {"student": "maps", "teacher": "maps"}
ALPHA, TEMPERATURE = 0.7, 4.0
_SKD = {"type": "kd_loss", **_LOGITS, "temperature": TEMPERATURE, "weight": ALPHA}


class Method(NamedTuple):
    """Losses by name, and the weight of the cross-entropy beside them."""

    losses: dict[str, dict[str, Any]]
    label_weight: float = 1.0


# Hyperparameters as in configs/amr/*_kdcnn_generated.py, which say whose they are.
METHODS: dict[str, Method] = {
    "skd": Method({"kd": _SKD}, 1 - ALPHA),
    "skd_feature": Method(
        {"kd": _SKD, "feature": {"type": "pkd_loss", **_MAPS, "adapter": "conv1x1", "weight": 0.5}}, 1 - ALPHA
    ),
    "skd_attention": Method({"kd": _SKD, "attention": {"type": "at_loss", **_MAPS, "p": 2, "weight": 50.0}}, 1 - ALPHA),
    "skd_snr": Method(
        {
            "kd": {
                "type": "snr_weighted_kd_loss",
                **_LOGITS,
                "snr": "gt_snr",
                "temperature": TEMPERATURE,
                "low": LOW,
                "full": FULL,
                "least": 0.2,
                "weight": ALPHA,
            }
        },
        1 - ALPHA,
    ),
    "dkd": Method(
        {"dkd": {"type": "dkd_loss", **_LOGITS, "target": "gt_label", "alpha": 1.0, "beta": 2.0, "temperature": 4.0}}
    ),
    "dist": Method(
        {"dist": {"type": "dist_loss", **_LOGITS, "beta": 1.0, "gamma": 1.0, "temperature": 4.0, "weight": 2.0}}
    ),
}

# Where weights by SNR rise on other sets than RadioML 2016.10, ours. The labels of 2018.01A and RML22 are true SNRs; on
# 2018.01A accuracies of 60 % over all labels with a peak of 95 to 98 % mean chance up to about -10 dB and the peak from
# about 10 dB on.
SNR_RANGES = {key: {"low": -10.0, "full": 10.0} for key in ("RML2018A", "RML22")}


def distilled_config(cfg: Config, teacher: str, checkpoint: str, method: str) -> Config:
    """The config that trains the network of ``cfg`` from a teacher.

    The teacher's outputs are stored under ``data/cache`` where a method needs its class scores alone and frames are not
    augmented.

    Args:
        cfg: config of a `common.classification.model.Classifier` over one of `tasks.amr.models`.
        teacher: the teacher's config file, of the same kind.
        checkpoint: its weights, a file or URL.
        method: a key of `METHODS`.

    Raises:
        ConfigError: for an unknown method, a config that already distils, or a pair that differs in classes or length.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}{did_you_mean(method, METHODS)}")
    if cfg.model.type == "Distiller":
        raise ConfigError(f"{cfg.filename} distils already; give the student's own config with --teacher")
    source = {"config": teacher, "checkpoint": checkpoint}
    _same_signals(cfg.model, teacher_model_config("teacher", source), teacher)
    losses, label_weight = copy.deepcopy(METHODS[method])
    kind = ((cfg.get("train_dataloader") or {}).get("dataset") or {}).get("type")
    for loss in losses.values():
        loss.update(SNR_RANGES.get(kind, {}) if "low" in loss else {})
    augments = (cfg.model.get("data_preprocessor") or {}).get("augment") is not None
    if not augments and not any(loss["teacher"] == "maps" for loss in losses.values()):
        source["cache"] = "data/cache"
    out = cfg.copy()
    out.model = ConfigDict(
        type="Distiller",
        student={**cfg.model, "loss_weight": label_weight},
        teachers={"teacher": source},
        taps={"logits": "network", "maps": "network.encoder"},
        losses=losses,
        example={"type": "SignalExample"},
    )
    out.work_dir = cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename).stem}_{method}"
    return out


def _same_signals(student: ConfigDict, teacher: ConfigDict, teacher_path: str) -> None:
    for key, default in (("num_classes", 11), ("length", 128)):
        found = [model.get("network", {}).get(key, default) for model in (student, teacher)]
        if found[0] != found[1]:
            raise ConfigError(
                f"expected a teacher with {key} {found[0]}, as the student has, but {teacher_path} has {found[1]}"
            )
