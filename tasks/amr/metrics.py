"""Scores of a classifier of modulations, by SNR."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from torch import Tensor

from common.classification.metrics import class_scores


def signal_scores(probabilities: Tensor, labels: Tensor, snrs: Tensor) -> dict[str, float]:
    """Accuracy overall and by SNR, with `class_scores`; in percent except for ``nll``, in nats, and ``peak_snr``.

    Args:
        probabilities: shape ``(N, K)``.
        labels: shape ``(N,)``.
        snrs: label of each frame in dB, shape ``(N,)``.

    Returns:
        Those of `class_scores` (``accuracy``, ``macro_f1``, ``ece``, ``nll``) over all frames; ``peak``, the best
        accuracy at a single SNR, and ``peak_snr`` in dB; ``accuracy_below_0dB`` and ``accuracy_from_0dB``, over all
        frames on that side, where there are any; ``accuracy_at_<SNR>dB`` for every SNR.
    """
    right = (probabilities.argmax(dim=1) == labels).float()

    def accuracy(chosen: Tensor) -> float:
        return 100 * float(right[chosen].mean())

    by_snr = {int(snr): accuracy(snrs == snr) for snr in snrs.unique().tolist()}
    peak_snr = max(by_snr, key=by_snr.get)
    scores = {**class_scores(probabilities, labels), "peak": by_snr[peak_snr], "peak_snr": peak_snr}
    sides = {"accuracy_below_0dB": snrs < 0, "accuracy_from_0dB": snrs >= 0}
    scores |= {name: accuracy(chosen) for name, chosen in sides.items() if chosen.any()}
    return scores | {f"accuracy_at_{snr}dB": each for snr, each in by_snr.items()}


@METRICS.register_module()
class SignalScores(BaseMetric):
    """`signal_scores` over a loop's samples; those at single SNRs are left out of logs."""

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep scores, label and SNR of the frames of a batch."""
        self.results.extend(
            (sample["pred_scores"].cpu(), sample["gt_label"].cpu(), sample["gt_snr"].cpu()) for sample in data_samples
        )

    def compute_metrics(self, results: list[tuple[Tensor, Tensor, Tensor]]) -> dict[str, float]:
        """The scores of everything that was kept."""
        scores = signal_scores(*(torch.stack(values) for values in zip(*results, strict=True)))
        return {name: value for name, value in scores.items() if not name.startswith("accuracy_at_")}
