"""Distillation of class scores."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, arange, nn

from common.losses.checks import check_shape, check_temperature, drop_channel_axis, full_precision


@full_precision
def kd_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 4.0,
    target: Tensor | None = None,
    ignore_index: int = 255,
) -> Tensor:
    r"""Match the teacher's softened class probabilities [0], per sample or per position.

    .. math:: \frac{T^2}{|V|} \sum_{i \in V} \mathrm{KL}\big(\sigma_c(t_i/T) \,\|\, \sigma_c(s_i/T)\big)

    over the samples, or positions of dense scores, that are not ignored. The mean over positions is one of three
    reductions in use for dense scores; the sum per image and the mean over all elements differ from it by constant
    factors H W and 1/C.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        temperature: softmax temperature T over the classes.
        target: integer labels ``(N, *)`` or ``(N, 1, *)`` that tell which positions to ignore; labels of another
            grid are read at the centre of each logit cell. None ignores nothing.
        ignore_index: the label of ignored positions.

    Returns:
        Scalar, 0 where the two agree up to a constant per position, or where everything is ignored.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, or the temperature is not above 0.

    >>> import torch
    >>> kd_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log1p(), temperature=1.0)
    tensor(0.1927)

    [0] Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, arXiv:1503.02531, 2015.
    """
    check_temperature(temperature)
    sizes = check_shape("student logits", student, "N C *")
    check_shape("teacher logits", teacher, "N C *", sizes)
    if sizes["C"] == 1:  # a softmax over one class is 1 whatever its score: nothing would be learnt
        raise ValueError("expected at least 2 classes but found 1")
    log_q = F.log_softmax(student / temperature, dim=1)
    log_p = F.log_softmax(teacher.detach() / temperature, dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    if target is None:
        return divergence.mean() * temperature**2
    valid = nearest_labels(target, divergence.shape) != ignore_index
    return (divergence * valid).sum() / valid.sum().clamp(min=1) * temperature**2


def nearest_labels(target: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Labels ``(N, *)`` or ``(N, 1, *)`` read at the cell centres of a grid of ``shape`` = ``(N, *)``."""
    target = drop_channel_axis(target, spatial=len(shape) - 1)
    if target.shape[0] != shape[0]:
        raise ValueError(f"expected labels for a batch of {shape[0]} but found {target.shape[0]}")
    for axis, cells in enumerate(shape[1:], start=1):
        found = target.shape[axis]
        if found != cells:
            # The integer form of floor((i + 1/2) * found / cells): no rounding at the cell borders.
            centres = (2 * arange(cells, device=target.device) + 1) * found // (2 * cells)
            target = target.index_select(axis, centres)
    return target


class KDLoss(nn.Module):
    """Module over `kd_loss`; ``forward(student, teacher, target=None)``.

    Args:
        temperature: softmax temperature over the classes.
        ignore_index: the label of positions to ignore, where a target is given.
    """

    adapter = None

    def __init__(self, temperature: float = 4.0, ignore_index: int = 255) -> None:
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature
        self.ignore_index = ignore_index

    def forward(self, student: Tensor, teacher: Tensor, target: Tensor | None = None) -> Tensor:
        return kd_loss(student, teacher, self.temperature, target, self.ignore_index)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, ignore_index={self.ignore_index}"


# Class scores must mean the same classes: a learned projection in front of them would hide that they do not.
kd_loss.adapter = None
