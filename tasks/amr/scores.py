"""What an evaluation is made of: who is taken for whom at which SNR, and calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

TEMPERATURES = (0.05, 20.0)
BINS = 15


@dataclass(frozen=True)
class Confusion:
    """Counts of frames by SNR label, true class and predicted class.

    Attributes:
        snrs: the S labels in dB, ascending.
        counts: int64 ``[S, K, K]``; true classes are rows, predicted ones columns.
    """

    snrs: tuple[float, ...]
    counts: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, predictions: np.ndarray, snrs: np.ndarray, num_classes: int) -> Confusion:
        """Count frames, given their true and predicted class and SNR label, each ``[N]``."""
        levels, places = np.unique(snrs, return_inverse=True)
        counts = np.zeros((len(levels), num_classes, num_classes), np.int64)
        np.add.at(counts, (places, labels, predictions), 1)
        return cls(tuple(levels.tolist()), counts)

    def __add__(self, other: Confusion) -> Confusion:
        """Both together, of the same SNRs and classes."""
        return Confusion(self.snrs, self.counts + other.counts)

    def between(self, low: float = -math.inf, high: float = math.inf) -> np.ndarray:
        """Counts ``[K, K]`` of all frames labelled from ``low`` to ``high`` dB, both included."""
        chosen = [low <= snr <= high for snr in self.snrs]
        return self.counts[chosen].sum(axis=0)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Frames that are right, in percent: ``[..., K, K] -> [...]``; NaN where there are none."""
    return _percent(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def accuracy_by_class(counts: np.ndarray) -> np.ndarray:
    """Frames of each class that are right, in percent: ``[..., K, K] -> [..., K]``; NaN where there are none."""
    return _percent(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def shares(counts: np.ndarray) -> np.ndarray:
    """What the frames of each class are taken for, in percent: rows of ``[K, K]`` sum to 100, or are NaN if empty."""
    return _percent(counts, counts.sum(axis=-1, keepdims=True))


def _percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return 100.0 * part / whole


def chance(counts: np.ndarray) -> float:
    """Share of the largest class in percent: what calling everything by one name can reach. NaN without frames."""
    return float(_percent(counts.sum(axis=-1).max(), counts.sum()))


class ConfusedPair(NamedTuple):
    """Two classes, and how many percent of the frames of each are taken for the other (NaN: it has no frames)."""

    first: str
    second: str
    first_as_second: float
    second_as_first: float


def confused_pairs(counts: np.ndarray, classes: Sequence[str], most: int = 5) -> list[ConfusedPair]:
    """The pairs of classes that are most often taken for each other, by the mean of both directions.

    Args:
        counts: ``[K, K]``.
        classes: K names.
        most: how many pairs; those that are never confused are left out.
    """
    percent = shares(counts)
    both = np.nan_to_num(percent) + np.nan_to_num(percent.T)
    firsts, seconds = np.triu_indices(len(classes), k=1)
    order = np.argsort(-both[firsts, seconds], kind="stable")[:most]
    return [
        ConfusedPair(classes[a], classes[b], float(percent[a, b]), float(percent[b, a]))
        for a, b in zip(firsts[order], seconds[order], strict=True)
        if both[a, b] > 0
    ]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    r"""The T that makes :math:`\mathrm{softmax}(z / T)` most likely, from 0.05 to 20 [0].

    Args:
        logits: z, shape ``(N, K)``, of frames that the network was not trained on.
        labels: their classes, shape ``(N,)``.

    [0] Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    scores = logits.double()

    def negative_log_likelihood(log_temperature: float) -> float:
        return float(F.cross_entropy(scores / math.exp(log_temperature), labels))

    bounds = [math.log(temperature) for temperature in TEMPERATURES]
    found = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return math.exp(found.x)


def confidence_bins(probabilities: Tensor, labels: Tensor) -> np.ndarray:
    """What a reliability diagram is drawn from: frames by how sure the network is, in 15 bins of equal width.

    The bins are those of the expected calibration error that `common.classification.metrics.class_scores` gives.

    Args:
        probabilities: shape ``(N, K)``.
        labels: shape ``(N,)``.

    Returns:
        Float64 ``[15, 3]``: number of frames, sum of their confidences, number that are right.
    """
    sure, predicted = probabilities.max(dim=1)
    places = torch.bucketize(sure, torch.linspace(0, 1, BINS + 1)[1:-1], right=True).numpy()
    values = (np.ones(len(places)), sure.numpy().astype(np.float64), (predicted == labels).numpy())
    return np.stack([np.bincount(places, value, minlength=BINS) for value in values], axis=1)
