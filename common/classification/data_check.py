"""Data sets of a config, and whether its network fits them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch.utils.data import Dataset

import common.classification  # noqa: F401
from common.classification.networks import num_classes
from common.config import student_config
from common.errors import ConfigError, did_you_mean
from common.training import config_errors


def check_data(cfg: Config) -> None:
    """Build the data sets of a config once and hold them against its network, so that mistakes show before training.

    Raises:
        ConfigError: for a data set that cannot be built, one of other classes than the network's, or an ``example`` of
            another shape than its samples'.
        DataError: for data that is not there.
    """
    for part in ("train", "val", "test"):
        if cfg.get(f"{part}_dataloader"):
            dataset = build_dataset(cfg, part)
            _check_classes(cfg, dataset)
            if part == "train":
                _check_example(cfg, dataset)


def build_dataset(cfg: Config, split: str) -> Dataset:
    """The data set of one of a config's loaders; see `build_from`.

    Raises:
        ConfigError: if there is no such loader, or its data set cannot be built.
    """
    name = f"{split}_dataloader"
    if not cfg.get(name):
        raise ConfigError(f"expected a {name} in {cfg.filename} but found none; add one, or name another --split")
    return build_from(cfg[name].dataset, name, cfg)


def build_from(settings: Mapping[str, Any], loader: str, cfg: Config) -> Dataset:
    """A data set as the loader of a config has it, without the seeding that a run's own config has around it.

    Args:
        settings: of the data set.
        loader: the key of the loader, for messages.
        cfg: the config.

    Raises:
        ConfigError: if it cannot be built.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    with config_errors(loader, cfg):
        while settings["type"] == "SeededDataset":
            settings = settings["dataset"]
        kind = settings["type"]
        if isinstance(kind, str) and DATASETS.get(kind) is None:
            raise ConfigError(f"{loader}: no data set {kind!r}{did_you_mean(kind, DATASETS.module_dict)}")
        return DATASETS.build(settings)


def sample_shape(cfg: Config, dataset: Dataset) -> tuple[int, ...]:
    """Shape of a sample as a config's network gets it."""
    preprocessor = student_config(cfg).get("data_preprocessor") or cfg.get("data_preprocessor")
    with config_errors("data_preprocessor", cfg):
        preprocess = MODELS.build(preprocessor or {"type": "TensorPreprocessor"})
        return tuple(preprocess({"inputs": [dataset[0]["inputs"]]})["inputs"].shape[1:])


def _check_classes(cfg: Config, dataset: Dataset) -> None:
    classes = getattr(dataset, "metainfo", {}).get("classes")
    network = student_config(cfg).get("network") or {}
    count = num_classes(network)
    if classes and count is not None and count != len(classes):
        raise ConfigError(
            f"expected num_classes={len(classes)}, as many as {type(dataset).__name__} has, but {network.type} has "
            f"{count}; set num_classes of the model's network in {cfg.filename}"
        )


def _check_example(cfg: Config, dataset: Dataset) -> None:
    example = cfg.model.get("example") or {}
    if example.get("type") != "ClassExample":
        return
    found = sample_shape(cfg, dataset)
    if tuple(example.get("shape", ())) != found:
        raise ConfigError(
            f"expected example shape {found}, as {type(dataset).__name__}'s samples, but found {example.get('shape')}; "
            f"set model.example.shape in {cfg.filename}"
        )
