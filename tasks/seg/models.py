"""Trained segmentation networks, as every command line that asks one for predictions gets them."""

from __future__ import annotations

import colorsys
from pathlib import Path

import mmseg.datasets
import mmseg.models  # noqa: F401  (registers the networks)
import torch
from mmengine import Config, ConfigDict
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from torch import nn

from common.checkpoint import load_strictly, read_checkpoint, state_dict_of
from common.config import read_config
from common.errors import ConfigError, DataError
from common.teacher_config import without_pretrained
from common.training import set_data_root
from tasks.seg import datasets  # noqa: F401  (registers ours)


def load_segmentor(
    config_path: str | Path,
    checkpoint: str | Path,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> tuple[nn.Module, Config]:
    """Build a network, load all of its weights and put it in eval mode.

    Args:
        config_path: a plain mmseg config, or the config of a distillation run, whose student is taken.
        checkpoint: the network's weights; every key must fit.
        device: such as ``'cpu'`` or ``'cuda'``.
        cfg_options: {'dotted.key': value} that overrides the config.
        trust: unpickle whatever the checkpoint holds, which can run code of whoever made it.

    Returns:
        The network, with ``dataset_meta`` = {'classes', 'palette'} as mmseg has it, and its config.

    Raises:
        ConfigError: if there is no such config, it can't be built, or there is no such device.
        CheckpointError: if the weights are missing, damaged, or those of another network.
    """
    cfg = read_config(config_path, cfg_options)
    if "model" not in cfg:
        raise ConfigError(f"expected a config with a `model` but found none in {config_path}; name a network's config")
    target = _device(device)
    init_default_scope(cfg.get("default_scope", "mmseg"))
    model_cfg = cfg.model.student if cfg.model.type == "Distiller" else cfg.model
    try:
        model = MODELS.build(ConfigDict(without_pretrained(model_cfg)))
    except Exception as error:  # whatever the constructors of a hundred networks raise
        raise ConfigError(f"expected a network that can be built but {config_path} fails with: {error}") from error
    stored = read_checkpoint(checkpoint, trust)
    load_strictly(model, state_dict_of(stored), f"{checkpoint} (for {config_path})")
    model.dataset_meta = _dataset_meta(stored.get("meta", {}), cfg, model.num_classes)
    return model.to(target).eval(), cfg


def build_dataset(cfg: Config, split: str, data_root: str | None = None) -> BaseDataset:
    """The dataset of a config's ``val_dataloader`` or ``test_dataloader``.

    Args:
        cfg: a config as `load_segmentor` returns it.
        split: ``'val'`` or ``'test'``.
        data_root: the data folder, in place of the config's.

    Raises:
        ConfigError: if the config has none.
        DataError: if its files are not there.
    """
    settings = (cfg.get(f"{split}_dataloader") or {}).get("dataset")
    if settings is None:
        raise ConfigError(f"expected {split}_dataloader.dataset but found none in {cfg.filename}; add it")
    if data_root is not None:
        set_data_root(settings, data_root)
    init_default_scope(cfg.get("default_scope", "mmseg"))
    try:
        return DATASETS.build(settings)
    except FileNotFoundError as error:
        raise DataError(f"expected the data of {cfg.filename} but found {error}; set its data_root") from error


def _device(device: str) -> torch.device:
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"expected a device such as cpu or cuda but found {device!r}") from error
    if target.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"expected a GPU for device {device!r} but found none; use --device cpu")
    return target


def _dataset_meta(meta: dict, cfg: Config, num_classes: int) -> dict:
    """Names and colours of the classes: the checkpoint's, else the config's dataset's, else numbers."""
    candidates = [meta.get("dataset_meta") or {}]
    for loader in ("test_dataloader", "val_dataloader", "train_dataloader"):
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        candidates.append(dataset.get("metainfo") or {})
        dataset_class = DATASETS.get(dataset["type"]) if "type" in dataset else None
        candidates.append(getattr(dataset_class, "METAINFO", {}))
    for candidate in candidates:
        if len(candidate.get("classes", ())) == num_classes:
            palette = candidate.get("palette") or distinct_colours(num_classes)
            return {"classes": tuple(candidate["classes"]), "palette": [list(colour) for colour in palette]}
    return {"classes": tuple(map(str, range(num_classes))), "palette": distinct_colours(num_classes)}


def distinct_colours(count: int) -> list[list[int]]:
    """``count`` RGB colours that are easily told apart."""
    colours = []
    for index in range(count):
        # Steps of the golden ratio spread any number of hues evenly.
        red_green_blue = colorsys.hsv_to_rgb(index * 0.618034 % 1.0, 0.75, 0.95 if index % 2 else 0.65)
        colours.append([round(255 * channel) for channel in red_green_blue])
    return colours
