"""Distillation of box sides that are predicted as distributions over bins."""

from __future__ import annotations

import torch
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_shape, check_temperature
from common.losses.logits import kl_divergence

BINS = ("mean", "sum")


@loss_function()
def ld_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 10.0,
    weights: Tensor | None = None,
    avg_factor: float | Tensor | None = None,
    bins: str = "mean",
) -> Tensor:
    r"""Localization distillation [0]: match where the teacher puts each side of a box.

    .. math:: \frac{T^2}{A} \sum_m \frac{w_m}{n} \, \mathrm{KL}\big(\sigma_n(t_m/T) \,\|\, \sigma_n(s_m/T)\big)

    A box has four rows, one a side, so that a head's ``(M, 4 n)`` goes in as ``reshape(-1, n)``. The authors' code
    and mmdetection divide by the number of bins n (``bins='mean'``), the paper's formula does not
    (``bins='sum'``): n times as large, at 17 bins. The classification scores of a head go in alike.

    Args:
        student: logits over the bins, shape ``(M, n)``, one row a side.
        teacher: same shape; no gradient flows into it.
        temperature: softmax temperature T over the bins; the authors' 10.
        weights: factor :math:`w_m` of each row, shape ``(M,)``; held constant. None is 1.
        avg_factor: what the sum is divided by (A), a number or a scalar tensor as detection heads give it, at least
            1.2e-7; None is the number of rows M. The authors' head gives 4, for the four sides, with rows weighted by
            the head's scores, and 0.25 as the weight of the loss.
        bins: ``'mean'`` or ``'sum'`` over the bins.

    Returns:
        Scalar, 0 where the two agree up to a constant per row, or where there are no rows.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 bins, ``bins`` is another word, or the temperature
            is not above 0.

    >>> import torch
    >>> teacher = torch.tensor([[0.0, 3.0]]).log1p()
    >>> ld_loss(torch.zeros(1, 2), teacher, temperature=1.0, bins="sum")
    tensor(0.1927)

    [0] Zheng et al., Localization Distillation for Dense Object Detection, CVPR 2022.
    """
    check_temperature(temperature)
    if bins not in BINS:
        raise ValueError(f"expected bins to be one of {BINS} but found {bins!r}")
    empty = student.dim() == 2 and not len(student)
    if empty and student.shape == teacher.shape and (weights is None or not len(weights)):
        return student.sum() * 0  # a batch without objects
    sizes = check_shape("student bins", student, "M n")
    check_shape("teacher bins", teacher, "M n", sizes)
    if sizes["n"] == 1:  # a softmax over one bin is 1 whatever its score
        raise ValueError("expected at least 2 bins but found 1")
    divergence = kl_divergence(student, teacher.detach(), temperature)
    if bins == "mean":
        divergence = divergence / sizes["n"]
    if weights is not None:
        check_shape("weights", weights, "M", {"M": sizes["M"]})
        divergence = divergence * weights.detach()
    if avg_factor is None:
        return divergence.mean() * temperature**2
    least = torch.finfo(torch.float32).eps  # what mmdetection adds
    factor = avg_factor.detach().clamp(min=least) if isinstance(avg_factor, Tensor) else max(avg_factor, least)
    return divergence.sum() / factor * temperature**2


class LDLoss(FunctionLoss, function=ld_loss):
    """Module over `ld_loss`; ``forward(student, teacher, weights=None, avg_factor=None)``."""
