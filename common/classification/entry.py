"""What the command lines ask of classification."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import common.classification  # noqa: F401
from common.checkpoint import load_strictly, read_checkpoint, state_dict_of
from common.classification.data_check import build_dataset, check_data
from common.classification.methods import METHODS, distilled_config
from common.classification.metrics import class_scores
from common.config import read_config, student_config
from common.sample_batch import join_samples
from common.teacher_config import without_pretrained
from common.training import config_errors, set_data_root

__all__ = ["METHODS", "check_data", "distilled_config", "prepare", "score"]

DEFAULT_METHOD = "kd"


def prepare(cfg: Config) -> None:
    """Nothing has to be added to a config."""


def load_classifier(cfg: Config, checkpoint: str | Path, device: str = "cpu", trust: bool = False) -> nn.Module:
    """The classifier of a config, of a distillation its student, with the weights of a checkpoint, in eval mode.

    Raises:
        ConfigError: if the classifier cannot be built.
        CheckpointError: if the checkpoint does not cover the classifier.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    with config_errors("the model", cfg):
        model = MODELS.build(without_pretrained(student_config(cfg)))
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
    """`class_scores` of a checkpoint on a split, and ``parameters``.

    Raises:
        UserError: for anything in config, data or checkpoint that is the user's to mend.
    """
    cfg = read_config(config, cfg_options)
    if data_root:
        set_data_root(cfg, data_root)
    dataset = build_dataset(cfg, split)
    model = load_classifier(cfg, checkpoint, device, trust)
    scores = class_scores(*predicted(model, dataset))
    return {**scores, "parameters": sum(parameter.numel() for parameter in model.parameters())}
