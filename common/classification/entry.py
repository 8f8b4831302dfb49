"""What the command lines ask of classification."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import common.classification  # noqa: F401
from common.checkpoint import load_strictly, read_checkpoint, state_dict_of
from common.classification.metrics import class_scores
from common.config import read_config
from common.sample_batch import join_samples
from common.teacher_config import without_pretrained


def prepare(cfg: Config) -> None:
    """Nothing has to be added to a config."""


def check_data(cfg: Config) -> None:
    """Build the data sets of a config once, so that what they lack is said before training."""
    for part in ("train", "val", "test"):
        loader = cfg.get(f"{part}_dataloader")
        if loader:
            DATASETS.build(loader.dataset)


def load_classifier(cfg: Config, checkpoint: str | Path, device: str = "cpu", trust: bool = False) -> nn.Module:
    """The classifier of a config, of a distillation its student, with the weights of a checkpoint, in eval mode.

    Raises:
        CheckpointError: if the checkpoint does not cover the classifier.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    model_cfg = cfg.model.student if cfg.model.get("type") == "Distiller" else cfg.model
    model = MODELS.build(without_pretrained(model_cfg))
    load_strictly(model, state_dict_of(read_checkpoint(checkpoint, trust), model.state_dict()), str(checkpoint))
    return model.to(device).eval()


@torch.no_grad()
def predicted(model: nn.Module, dataset: Dataset, batch: int = 256) -> tuple[Tensor, Tensor]:
    """Probabilities ``(N, C)`` and labels ``(N,)`` of a whole data set, on the CPU."""
    probabilities, labels = [], []
    for items in DataLoader(dataset, batch, collate_fn=join_samples):
        data = model.data_preprocessor(items, False)
        probabilities.append(model(data["inputs"]).softmax(dim=1).cpu())
        labels.append(data["data_samples"].gt_label.cpu())
    return torch.cat(probabilities), torch.cat(labels)


def score(
    config: str | Path,
    checkpoint: str | Path,
    split: str,
    data_root: str | None,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> dict[str, float]:
    """`class_scores` of a checkpoint on a split, and ``parameters``."""
    cfg = read_config(config, cfg_options)
    model = load_classifier(cfg, checkpoint, device, trust)
    dataset_cfg = {**cfg[f"{split}_dataloader"].dataset, **({"data_root": data_root} if data_root else {})}
    scores = class_scores(*predicted(model, DATASETS.build(dataset_cfg)))
    return {**scores, "parameters": sum(parameter.numel() for parameter in model.parameters())}
