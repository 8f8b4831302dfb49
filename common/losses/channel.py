"""Distillation of where each channel of a map is active."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_shape, check_temperature


@loss_function(adapter="auto")
def cwd_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    r"""Channel-wise distillation [0]: match where each channel puts its mass.

    .. math:: \frac{T^2}{B C} \sum_{b,c} \mathrm{KL}\big(\sigma_{hw}(t_{bc}/T) \,\|\, \sigma_{hw}(s_{bc}/T)\big)

    Args:
        student: activation map or dense logits, shape ``(B, C, *)``, usually ``(B, C, H, W)``.
        teacher: same shape; no gradient flows into it.
        temperature: softmax temperature T over the positions.

    Returns:
        Scalar, 0 where the two agree up to a constant per channel.

    Raises:
        ValueError: if the shapes differ, there are no positions, or the temperature is not above 0.

    >>> import torch
    >>> cwd_loss(torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.0, 3.0]]]]).log1p())
    tensor(0.1927)

    [0] Shu et al., Channel-wise Knowledge Distillation for Dense Prediction, ICCV 2021.
    """
    check_temperature(temperature)
    if student.dim() < 3:
        raise ValueError(f"expected student map of shape (B, C, *) but found {tuple(student.shape)}")
    sizes = check_shape("student map", student, "B C *")
    check_shape("teacher map", teacher, "B C *", sizes)
    log_q = F.log_softmax(student.flatten(2) / temperature, dim=2)
    log_p = F.log_softmax(teacher.detach().flatten(2) / temperature, dim=2)
    return (log_p.exp() * (log_p - log_q)).sum(dim=2).mean() * temperature**2


class CWDLoss(FunctionLoss, function=cwd_loss):
    """Module over `cwd_loss`; ``forward(student, teacher)``."""
