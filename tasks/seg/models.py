"""Trained segmentation networks, as every command line that asks one for predictions gets them."""

from __future__ import annotations

from pathlib import Path

from mmengine import Config
from torch import nn

import tasks.seg  # noqa: F401  (registers networks and data sets)
from common.loading import build_dataset, class_names, load_network

__all__ = ["build_dataset", "load_segmentor"]


def load_segmentor(
    config_path: str | Path,
    checkpoint: str | Path,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> tuple[nn.Module, Config]:
    """A network with all of its weights in eval mode, see `common.loading.load_network`.

    Returns:
        The network, with ``dataset_meta`` = {'classes', 'palette'} as mmseg has it, and its config.

    Raises:
        ConfigError: if there is no such config, it can't be built, or there is no such device.
        CheckpointError: if the weights are missing, damaged, or those of another network.
    """
    model, cfg, meta = load_network(config_path, checkpoint, device, cfg_options, trust, scope="mmseg")
    model.dataset_meta = class_names(meta, cfg, model.num_classes)
    return model, cfg
