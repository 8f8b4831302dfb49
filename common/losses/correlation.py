"""Distillation of how class probabilities vary, up to their scale and offset."""

from __future__ import annotations

import torch
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.logits import ROUNDINGS, check_scores, position_mean, valid_positions

PROBABILITIES = ("softmax", "sigmoid")


@loss_function()
def dist_loss(
    student: Tensor,
    teacher: Tensor,
    beta: float = 1.0,
    gamma: float = 1.0,
    temperature: float = 1.0,
    target: Tensor | None = None,
    ignore_index: int | None = None,
    eps: float = 1e-8,
    probabilities: str = "softmax",
) -> Tensor:
    r"""DIST [0]: correlate probabilities over the classes of a sample, and over the samples of a class.

    .. math::
        T^2 \Big[ \beta \Big(1 - \frac{1}{|V|} \sum_{i \in V} \rho(p_{i,:}, q_{i,:})\Big)
        + \gamma \Big(1 - \frac{1}{C} \sum_c \rho(p_{V,c}, q_{V,c})\Big) \Big], \quad
        p = \sigma_c(t/T), \; q = \sigma_c(s/T)

    with Pearson's correlation :math:`\rho(a, b) = \langle \hat a, \hat b\rangle / (|\hat a| |\hat b| + \epsilon)` of
    centred vectors. The positions of dense scores are samples of their own. The authors' classification code has
    :math:`T^2`, their segmentation code no temperature. torchdistill bounds each norm from below by :math:`\epsilon`
    instead (about 1e-7 apart); mmrazor correlates dense scores over the batch axis alone.

    Probabilities that are all equal, up to rounding, correlate with nothing and get no gradient; :math:`1/\epsilon`
    would make one of a million of them, which a head that starts at 0 does not survive. Such a head learns from the
    terms beside this one.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        beta: weight between the classes of a sample; 1 in the paper's ImageNet setting, as ``gamma``, with 2 for
            both in the CIFAR one.
        gamma: weight between the samples of a class.
        temperature: softmax temperature T; 1 in the paper's ImageNet setting, 4 for CIFAR.
        target: labels that tell which positions to ignore, as in `kd_loss`.
        ignore_index: the label of ignored positions, as in `kd_loss`.
        eps: the authors' 1e-8, which matters to classes whose probabilities hardly vary.
        probabilities: ``'softmax'`` over the classes, or ``'sigmoid'`` of each by itself, for detectors whose scores
            are such (the authors' for RetinaNet).

    Returns:
        Scalar within 0 and :math:`2 (\beta + \gamma) T^2`; 0, up to ``eps``, where each probability is an
        increasing affine function of the teacher's. One sample alone has nothing to vary over: its second term is
        :math:`\gamma T^2` and has no gradient. 0 where everything is ignored.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, the temperature is not above 0, or
            ``probabilities`` is another word.

    >>> import torch
    >>> student = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
    >>> dist_loss(student, student.flip(1))  # every correlation is -1
    tensor(4.)

    [0] Huang et al., Knowledge Distillation from A Stronger Teacher, NeurIPS 2022.
    """
    check_scores(student, teacher, temperature)
    if probabilities not in PROBABILITIES:
        raise ValueError(f"expected probabilities to be one of {PROBABILITIES} but found {probabilities!r}")
    valid = valid_positions(target, student, ignore_index)
    q, p = (
        (logits / temperature).softmax(dim=1) if probabilities == "softmax" else (logits / temperature).sigmoid()
        for logits in (student, teacher.detach())
    )
    samples = [axis for axis in range(q.dim()) if axis != 1]
    of_classes = _pearson(_centred(q, [1]), _centred(p, [1]), [1], eps)
    of_samples = _pearson(_centred(q, samples, valid), _centred(p, samples, valid), samples, eps)
    inter = position_mean(1 - of_classes, valid)
    intra = 1 - of_samples.mean()
    if valid is not None:
        intra = torch.where(valid.any(), intra, 0.0)
    return (beta * inter + gamma * intra) * temperature**2


def _centred(values: Tensor, axes: list[int], valid: Tensor | None = None) -> Tensor:
    """Values minus their mean over the valid positions; 0, without a gradient, elsewhere and where all are equal."""
    if valid is None:
        centred = values - values.mean(dim=axes, keepdim=True)
    else:
        counted = valid.unsqueeze(1)
        values = torch.where(counted, values, 0.0)
        centred = values - values.sum(dim=axes, keepdim=True) / counted.sum().clamp(min=1)
        centred = torch.where(counted, centred, 0.0)
    left, whole = (torch.linalg.vector_norm(each.detach(), dim=axes, keepdim=True) for each in (centred, values))
    return centred.masked_fill(left <= ROUNDINGS * torch.finfo(values.dtype).eps * whole, 0.0)


def _pearson(one: Tensor, other: Tensor, axes: list[int], eps: float) -> Tensor:
    """Correlation over ``axes`` of values that are centred over them."""
    norms = torch.linalg.vector_norm(one, dim=axes) * torch.linalg.vector_norm(other, dim=axes)
    return (one * other).sum(dim=axes) / (norms + eps)


class DISTLoss(FunctionLoss, function=dist_loss):
    """Module over `dist_loss`; ``forward(student, teacher, target=None)``."""
