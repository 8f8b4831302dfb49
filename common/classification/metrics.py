"""Scores of a classifier."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_f1_score

from common.classification.model import check_labels


def class_scores(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, macro F1, expected calibration error (15 bins), all in percent, and the mean negative log-likelihood.

    Args:
        probabilities: shape ``(N, C)``.
        labels: shape ``(N,)``.

    Returns:
        ``accuracy``, ``macro_f1``, ``ece``, ``nll`` (in nats).

    Raises:
        ConfigError: for a label that is none of the C classes.
    """
    classes = probabilities.shape[1]
    check_labels(labels, classes)
    right = probabilities.argmax(dim=1) == labels
    likelihood = probabilities.gather(1, labels[:, None]).clamp(min=torch.finfo(probabilities.dtype).tiny)
    return {
        "accuracy": 100 * float(right.float().mean()),
        "macro_f1": 100 * float(multiclass_f1_score(probabilities, labels, classes, average="macro")),
        "ece": 100 * float(multiclass_calibration_error(probabilities, labels, classes, n_bins=15)),
        "nll": -float(likelihood.log().mean()),
    }


@METRICS.register_module()
class ClassScores(BaseMetric):
    """`class_scores` over a loop's samples."""

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep scores and labels of a batch."""
        self.results.extend((sample["pred_scores"].cpu(), sample["gt_label"].cpu()) for sample in data_samples)

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """The scores of everything that was kept."""
        scores, labels = zip(*results, strict=True)
        return class_scores(torch.stack(scores), torch.stack(labels))
