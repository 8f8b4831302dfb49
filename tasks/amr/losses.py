"""A distillation loss that knows how strong a signal was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from common.losses.base import loss_function
from common.losses.logits import check_scores, kl_divergence
from common.registry import LOSSES

# dB of the labels of RadioML 2016, below which networks are at chance, and from which on they are as good as they get.
LOW, FULL, LEAST = -14.0, 0.0, 0.2


def snr_weights(snr: Tensor, low: float = LOW, full: float = FULL, least: float = LEAST) -> Tensor:
    r"""How much a teacher's opinion of a frame counts: little where it can only guess.

    .. math::
        w = \min\big(\max(r, \mathrm{least}), 1\big), \qquad
        r = \frac{\mathrm{snr} - \mathrm{low}}{\mathrm{full} - \mathrm{low}}

    Args:
        snr: in dB, any shape.
        low: where a teacher is at chance, in dB of the data's labels; the default fits those of RadioML 2016, whose
            labels are half of the SNR.
        full: where it is trusted fully, in dB; above ``low``.
        least: weight that remains below, 0 to 1.

    Returns:
        Weights of the shape of ``snr``.

    Raises:
        ValueError: if ``full`` is not above ``low``, or ``least`` not in 0..1.
    """
    if not (full > low and 0 <= least <= 1):
        raise ValueError(f"expected low < full and least in 0..1 but found low {low}, full {full}, least {least}")
    return ((snr - low) / (full - low)).clamp(least, 1.0)


@loss_function()
def snr_weighted_kd_loss(
    student: Tensor,
    teacher: Tensor,
    snr: Tensor,
    temperature: float = 4.0,
    low: float = LOW,
    full: float = FULL,
    least: float = LEAST,
) -> Tensor:
    r"""KD with a weight for every frame that rises with its SNR; ours.

    .. math:: \frac{T^2}{N} \sum_i w(\mathrm{snr}_i)\, \mathrm{KL}\big(\sigma(t_i/T) \,\|\, \sigma(s_i/T)\big)

    Args:
        student: logits, shape ``(N, K)``.
        teacher: same shape; no gradient flows into it.
        snr: of each frame in dB, shape ``(N,)``.
        temperature: softmax temperature T.
        low: see `snr_weights`, as ``full`` and ``least``.

    Returns:
        Scalar, 0 where the two agree up to a constant for each frame; `common.losses.kd_loss` where all weights are 1.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, the temperature is not above 0, or as
            `snr_weights`.

    >>> import torch
    >>> logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log1p()
    >>> snr_weighted_kd_loss(*logits, snr=torch.tensor([-7.0]), temperature=1.0)  # half of kd_loss
    tensor(0.0964)
    """
    check_scores(student, teacher, temperature)
    if snr.shape != student.shape[:1]:
        raise ValueError(f"expected an SNR for each of {len(student)} frames but found shape {tuple(snr.shape)}")
    weights = snr_weights(snr, low, full, least)
    return (weights * kl_divergence(student, teacher.detach(), temperature)).mean() * temperature**2


def weights_warnings(losses: Mapping[str, Mapping[str, Any]], snrs: Sequence[float]) -> list[str]:
    """Which losses of a config weigh frames by their SNR, but all frames of its data alike, in sentences.

    Args:
        losses: of the config, by name.
        snrs: labels of the training data in dB.
    """
    found = []
    for name, loss in losses.items():
        if loss.get("type") == "snr_weighted_kd_loss":
            low, full = loss.get("low", LOW), loss.get("full", FULL)
            ends = torch.tensor([min(snrs), max(snrs)], dtype=torch.float64)
            if snr_weights(ends, low, full, loss.get("least", LEAST)).unique().numel() == 1:
                found.append(
                    f"loss {name!r} weighs all frames alike: labels are {min(snrs):g} to {max(snrs):g} dB, its weights "
                    f"rise from {low:g} to {full:g} dB; set these to where your teacher is at chance and where it is "
                    f"as good as it gets (--cfg-options model.losses.{name}.low=… model.losses.{name}.full=…)"
                )
    return found


LOSSES.register_module(name="snr_weighted_kd_loss", module=snr_weighted_kd_loss)
