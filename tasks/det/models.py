"""Trained detectors, as every command line that asks one for predictions gets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine import Config
from torch import nn

import tasks.det  # noqa: F401  (registers networks and data sets)
from common.config import student_config
from common.errors import ConfigError
from common.loading import build_dataset, class_names, load_network

__all__ = ["build_dataset", "class_head", "class_names", "load_detector"]

# Where detectors of mmdet keep the part that tells classes apart, and what the part of two stages hides it in.
HEADS = ("bbox_head", "roi_head", "mask_head")


def load_detector(
    config_path: str | Path,
    checkpoint: str | Path,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> tuple[nn.Module, Config]:
    """A detector with all of its weights in eval mode, see `common.loading.load_network`.

    Returns:
        The detector, with ``dataset_meta`` = {'classes', 'palette'} as mmdet has it, and its config.

    Raises:
        ConfigError: if there is no such config, it can't be built, or there is no such device.
        CheckpointError: if the weights are missing, damaged, or those of another network.
    """
    model, cfg, meta = load_network(config_path, checkpoint, device, cfg_options, trust, scope="mmdet")
    head = class_head(student_config(cfg), str(config_path))
    model.dataset_meta = class_names(meta, cfg, head["num_classes"])
    return model, cfg


def class_head(model: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The part of a detector's config that says how many classes it tells apart, in ``num_classes``.

    Args:
        model: config of a detector of mmdet, of one stage or two.
        where: its file, for messages.

    Raises:
        ConfigError: if there is none.
    """
    for name in HEADS:
        head = model.get(name) or {}
        if name == "roi_head":
            head = head.get("bbox_head") or {}
        if isinstance(head, (list, tuple)):  # a cascade: the last one decides
            head = head[-1]
        if "num_classes" in head:
            return head
    raise ConfigError(
        f"expected a detector of mmdet with num_classes in its bbox_head but found {model.get('type')} in {where}"
    )
