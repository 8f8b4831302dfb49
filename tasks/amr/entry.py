"""What the command lines ask of modulation recognition."""

from __future__ import annotations

from logging import WARNING
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log

import tasks.amr  # noqa: F401
from common.checkpoint import read_checkpoint
from common.classification.data_check import build_dataset
from common.classification.entry import load_classifier, predicted, prepare
from common.config import read_config, student_config
from common.errors import ConfigError
from common.training import set_data_root
from tasks.amr.datasets import SignalDataset
from tasks.amr.export import export
from tasks.amr.leakage import check_training, training_warnings
from tasks.amr.losses import weights_warnings
from tasks.amr.methods import METHODS, distilled_config
from tasks.amr.metrics import signal_scores
from tasks.amr.predict import predict

__all__ = ["METHODS", "check_data", "distilled_config", "export", "load_classifier", "predict", "prepare", "score"]

DEFAULT_METHOD = "skd"
# What `export` writes beside the files that it is asked for.
EXPORTED_BESIDE = {"onnx": (".json",)}


def check_data(cfg: Config) -> None:
    """Build the data sets of a config once, so that what they lack is said before training.

    Raises:
        DataError: as the data sets; or if a teacher was trained with other classes, or with another split of the same
            data, whose training frames are among the student's test frames.
        ConfigError: if the network has another number of classes than they, or takes frames of another length.
    """
    parts = [part for part in ("train", "val", "test") if cfg.get(f"{part}_dataloader")]
    datasets = {part: build_dataset(cfg, part) for part in parts}
    for dataset in datasets.values():
        _check_network(cfg, dataset)
    train = datasets.pop("train", None)
    if train is None:
        return
    _check_teachers(cfg, train)
    warnings = weights_warnings(cfg.model.get("losses") or {}, train.snrs)
    for part, dataset in datasets.items():
        warnings += training_warnings(train, dataset, part)
    for warning in warnings:
        print_log(warning, "current", WARNING)


def _check_teachers(cfg: Config, dataset: SignalDataset) -> None:
    for teacher in (cfg.model.get("teachers") or {}).values():
        path = teacher.get("checkpoint")
        if path is not None and Path(path).is_file():  # others are fetched, or told to be missing, when it is built
            check_training(read_checkpoint(path, teacher.get("trust", False)), dataset, str(path))


def _check_network(cfg: Config, dataset: SignalDataset) -> None:
    network = student_config(cfg).get("network") or {}
    found = {"num_classes": len(dataset.metainfo["classes"]), "length": dataset.metainfo["length"]}
    wrong = [key for key in found if key in network and network[key] != found[key]]
    if wrong:
        where = "model.student.network" if cfg.model.get("type") == "Distiller" else "model.network"
        raise ConfigError(
            f"expected a network for {found['num_classes']} classes and {found['length']} samples in a frame, as in "
            f"{dataset.table.source}, but that of {cfg.filename} has "
            f"{' and '.join(f'{key}={network[key]}' for key in wrong)}; set it "
            f"(--cfg-options {' '.join(f'{where}.{key}={found[key]}' for key in wrong)})"
            f"{_frames_by_class(dataset) if 'num_classes' in wrong else ''}"
        )


def _frames_by_class(dataset: SignalDataset) -> str:
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    listed = ", ".join(f"{name} {count}" for name, count in zip(dataset.classes, counts, strict=True))
    return f"; frames of this part by class: {listed}"


def score(
    config: str | Path,
    checkpoint: str | Path,
    split: str,
    data_root: str | None,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> dict[str, float]:
    """`tasks.amr.metrics.signal_scores` of a checkpoint on a split, and ``parameters``.

    Raises:
        CheckpointError: if the checkpoint does not cover the network.
        DataError: as the data sets; or if the checkpoint was trained with other classes, or with another split of the
            same data, whose test frames may be among the frames it was trained on.
    """
    cfg = read_config(config, cfg_options)
    if data_root:
        set_data_root(cfg, data_root)
    dataset = build_dataset(cfg, split)
    model = load_classifier(cfg, checkpoint, device, trust)
    check_training(read_checkpoint(checkpoint, trust), dataset, str(checkpoint))
    probabilities, labels = predicted(model, dataset)
    scores = signal_scores(probabilities, labels, torch.from_numpy(dataset.snr_labels))
    return {**scores, "parameters": sum(parameter.numel() for parameter in model.parameters())}
