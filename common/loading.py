"""Trained networks of mmseg and mmdet, and their data sets, as every command line gets them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

from common.checkpoint import load_strictly, read_checkpoint, state_dict_of
from common.config import read_config, student_config
from common.errors import ConfigError, DataError
from common.palettes import distinct_colours
from common.teacher_config import without_pretrained
from common.training import set_data_root

LOADERS = ("test_dataloader", "val_dataloader", "train_dataloader")


def load_network(
    config_path: str | Path,
    checkpoint: str | Path,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
    scope: str = "mmengine",
) -> tuple[nn.Module, Config, dict[str, Any]]:
    """Build a network, load all of its weights and put it in eval mode.

    Args:
        config_path: a plain config of mmseg or mmdet, or the config of a distillation run, whose student is taken.
        checkpoint: the network's weights; every key must fit.
        device: such as ``'cpu'`` or ``'cuda'``.
        cfg_options: {'dotted.key': value} that overrides the config.
        trust: unpickle whatever the checkpoint holds, which can run code of whoever made it.
        scope: of the registries, where the config names none.

    Returns:
        The network, its config, and what the checkpoint tells beside the weights.

    Raises:
        ConfigError: if there is no such config, it can't be built, or there is no such device.
        CheckpointError: if the weights are missing, damaged, or those of another network.
    """
    cfg = read_config(config_path, cfg_options)
    settings = without_pretrained(student_config(cfg))
    target = _device(device)
    init_default_scope(cfg.get("default_scope", scope))
    try:
        model = MODELS.build(ConfigDict(settings))
    except Exception as error:  # whatever the constructors of a hundred networks raise
        raise ConfigError(f"expected a network that can be built but {config_path} fails with: {error}") from error
    stored = read_checkpoint(checkpoint, trust)
    load_strictly(model, state_dict_of(stored), f"{checkpoint} (for {config_path})")
    return model.to(target).eval(), cfg, stored.get("meta", {})


def build_dataset(cfg: Config, split: str, data_root: str | None = None, scope: str = "mmengine") -> BaseDataset:
    """The dataset of a config's ``val_dataloader`` or ``test_dataloader``.

    Args:
        cfg: a config as `load_network` returns it.
        split: ``'val'`` or ``'test'``.
        data_root: the data folder, in place of the config's.
        scope: of the registries, where the config names none.

    Raises:
        ConfigError: if the config has none.
        DataError: if its files are not there.
    """
    settings = (cfg.get(f"{split}_dataloader") or {}).get("dataset")
    if settings is None:
        raise ConfigError(f"expected {split}_dataloader.dataset but found none in {cfg.filename}; add it")
    if data_root is not None:
        set_data_root(settings, data_root)
    init_default_scope(cfg.get("default_scope", scope))
    try:
        return DATASETS.build(settings)
    except FileNotFoundError as error:
        raise DataError(f"expected the data of {cfg.filename} but found {error}; set its data_root") from error


def class_names(meta: Mapping[str, Any], cfg: Config, num_classes: int) -> dict[str, Any]:
    """Names and colours of a network's classes: the checkpoint's, else the config's dataset's, else numbers.

    Args:
        meta: what the checkpoint tells beside the weights.
        cfg: the network's config.
        num_classes: that the network tells apart.

    Returns:
        {'classes', 'palette'} as the engine's packages have them.
    """
    candidates = [meta.get("dataset_meta") or {}]
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        candidates.append(dataset.get("metainfo") or {})
        with DATASETS.switch_scope_and_registry(None) as registry:  # of the scope that `load_network` set
            dataset_class = registry.get(dataset["type"]) if "type" in dataset else None
        candidates.append(getattr(dataset_class, "METAINFO", {}))
    for candidate in candidates:
        if len(candidate.get("classes", ())) == num_classes:
            palette = candidate.get("palette") or distinct_colours(num_classes)
            return {"classes": tuple(candidate["classes"]), "palette": [list(colour) for colour in palette]}
    return {"classes": tuple(map(str, range(num_classes))), "palette": distinct_colours(num_classes)}


def _device(device: str) -> torch.device:
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"expected a device such as cpu or cuda but found {device!r}") from error
    if target.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"expected a GPU for device {device!r} but found none; use --device cpu")
    return target
