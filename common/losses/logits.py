"""Distillation of class scores as a whole."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_labels, check_shape, check_temperature, drop_channel_axis

# Equal numbers less their mean are up to about 5 units of rounding from 0; what is nearer than this varies by chance.
ROUNDINGS = 8


@loss_function()
def kd_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 4.0,
    target: Tensor | None = None,
    ignore_index: int | None = None,
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
        ignore_index: the label of ignored positions; None means 255 for dense scores and no label for ``(N, C)``,
            where 255 may be a class.

    Returns:
        Scalar, 0 where the two agree up to a constant per position, or where everything is ignored. Classes that
        both mask with scores of -inf count 0, as all that the teacher gives no probability.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, or the temperature is not above 0.

    >>> import torch
    >>> kd_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 3.0]]).log1p(), temperature=1.0)
    tensor(0.1927)

    [0] Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, arXiv:1503.02531, 2015.
    """
    check_scores(student, teacher, temperature)
    divergence = kl_divergence(student, teacher.detach(), temperature)
    return position_mean(divergence, valid_positions(target, student, ignore_index)) * temperature**2


@loss_function()
def lskd_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 2.0,
    target: Tensor | None = None,
    ignore_index: int | None = None,
    eps: float = 1e-7,
) -> Tensor:
    r"""KD of standardised logits [0]: the student keeps its own range and offset of scores.

    .. math::
        \frac{T^2}{|V|} \sum_{i \in V} \mathrm{KL}\big(\sigma_c(Z(t_i)/T) \,\|\, \sigma_c(Z(s_i)/T)\big), \quad
        Z(z) = \frac{z - \bar z}{\mathrm{std}_c(z) + \epsilon}

    with the unbiased standard deviation over the classes. Scores that are the same for all classes, up to rounding, are
    centred and not scaled, for a gradient of ordinary size where the published code has none. Scores of -inf, by which
    classes are masked in other losses, have no standard deviation and give NaN. torchdistill leaves out :math:`T^2`.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        temperature: the paper's base temperature T; 2 by default, 2 to 4 in the authors' settings, with weights
            of 6 to 18 on the loss.
        target: labels that tell which positions to ignore, as in `kd_loss`.
        ignore_index: the label of ignored positions, as in `kd_loss`.
        eps: added to the standard deviation; the authors' 1e-7.

    Returns:
        Scalar, unchanged by :math:`a z + b` with a > 0 on either side (up to ``eps``).

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, or the temperature is not above 0.

    >>> import torch
    >>> student = torch.tensor([[1.0, 2.0, 3.0]])
    >>> lskd_loss(student, student.flip(1))
    tensor(1.2806)

    [0] Sun et al., Logit Standardization in Knowledge Distillation, CVPR 2024.
    """
    check_scores(student, teacher, temperature)
    divergence = kl_divergence(_standardised(student, eps), _standardised(teacher.detach(), eps), temperature)
    return position_mean(divergence, valid_positions(target, student, ignore_index)) * temperature**2


def _standardised(scores: Tensor, eps: float) -> Tensor:
    centred = scores - scores.mean(dim=1, keepdim=True)
    variance = centred.square().sum(dim=1, keepdim=True) / (scores.shape[1] - 1)
    # Of equal scores the root has no derivative, and 1 / eps would make a gradient of ten millions; 0 / 1 is 0 as well.
    rounding = ROUNDINGS * torch.finfo(scores.dtype).eps * scores.detach().abs().amax(dim=1, keepdim=True)
    return centred / (variance.masked_fill(variance <= rounding.square(), 1.0).sqrt() + eps)


@loss_function()
def wsld_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    temperature: float = 2.0,
    ignore_index: int | None = None,
) -> Tensor:
    r"""Weighted soft labels [0]: soft labels count where the student is worse than its teacher.

    .. math::
        -\frac{T^2}{|V|} \sum_{i \in V} w_i \sum_c \sigma_c(t_i/T) \log \sigma_c(s_i/T), \quad
        w_i = 1 - \exp\Big(-\frac{\mathrm{CE}(s_i, y_i)}{\mathrm{CE}(t_i, y_i) + 10^{-7}}\Big)

    The weights are taken at temperature 1 and held constant, so that the gradient is not the derivative of the
    value. The soft term is a cross-entropy, as the authors have it: more than a KL divergence by the teacher's
    entropy, which does not reach the student. The hard-label term of the paper is not part of it.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        target: integer labels y ``(N, *)`` or ``(N, 1, *)``; labels of another grid are read at the centre of
            each logit cell.
        temperature: softmax temperature T of the soft term; the authors' 2, with a weight of 2.5 on ImageNet.
        ignore_index: the label of ignored positions, as in `kd_loss`.

    Returns:
        Scalar, 0 where everything is ignored. Classes that both mask with scores of -inf count 0.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, a label is none of them (on the CPU), or
            the temperature is not above 0.

    >>> import torch
    >>> wsld_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([1]), temperature=1.0)  # (1 - 1/e) log 2
    tensor(0.4382)

    [0] Zhou et al., Rethinking Soft Labels for Knowledge Distillation: A Bias-Variance Tradeoff Perspective, ICLR 2021.
    """
    check_scores(student, teacher, temperature)
    labels, valid = class_labels(target, student, ignore_index)
    teacher = teacher.detach()
    student_error = F.cross_entropy(student.detach(), labels, reduction="none")
    teacher_error = F.cross_entropy(teacher, labels, reduction="none")
    weight = -torch.expm1(-student_error / (teacher_error + 1e-7))
    log_q = F.log_softmax(student / temperature, dim=1)
    cross_entropy = -expected(F.softmax(teacher / temperature, dim=1), log_q)
    return position_mean(weight * cross_entropy, valid) * temperature**2


def check_scores(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> dict[str, int]:
    """Hold class scores ``(N, C, *)`` of two models against each other; `check_shape`'s sizes."""
    check_temperature(temperature)
    sizes = check_shape("student logits", student, "N C *")
    check_shape("teacher logits", teacher, "N C *", sizes)
    if sizes["C"] == 1:  # a softmax over one class is 1 whatever its score: nothing would be learnt
        raise ValueError("expected at least 2 classes but found 1")
    return sizes


def kl_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """KL of softened probabilities over the second axis; shape ``(N, *)``, without T²."""
    log_q = F.log_softmax(student / temperature, dim=1)
    log_p = F.log_softmax(teacher / temperature, dim=1)
    return expected(log_p.exp(), log_p - log_q)


def expected(probabilities: Tensor, values: Tensor) -> Tensor:
    """Mean of values over the second axis by their probabilities; one of probability 0 counts 0 even if infinite."""
    return (probabilities * values.masked_fill(probabilities == 0, 0.0)).sum(dim=1)


def position_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean over the positions that are valid, or all; 0 where none is."""
    if valid is None:
        return values.mean()
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def valid_positions(target: Tensor | None, scores: Tensor, ignore_index: int | None) -> Tensor | None:
    """Where a target does not ignore scores ``(N, C, *)``: shape ``(N, *)``, or None where it ignores nothing."""
    void = _void_label(scores, ignore_index)
    if target is None:
        return None
    labels = nearest_labels(target, _positions(scores))
    return None if void is None else labels.long() != void


def class_labels(target: Tensor, scores: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor]:
    """The class of each position of scores ``(N, C, *)``, and where there is one; both ``(N, *)``.

    On the CPU a label that is neither a class nor ignored is an error; elsewhere, where looking would stall the
    queue, it counts as ignored. Ignored positions are given class 0.
    """
    void = _void_label(scores, ignore_index)
    labels = nearest_labels(target, _positions(scores)).long()
    check_labels(labels, scores.shape[1], void)
    valid = (labels >= 0) & (labels < scores.shape[1])
    if void is not None:
        valid &= labels != void
    return torch.where(valid, labels, 0), valid


def _void_label(scores: Tensor, ignore_index: int | None) -> int | None:
    return 255 if ignore_index is None and scores.dim() > 2 else ignore_index


def _positions(scores: Tensor) -> tuple[int, ...]:
    return (scores.shape[0], *scores.shape[2:])


def nearest_labels(target: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Labels ``(N, *)`` or ``(N, 1, *)`` read at the cell centres of a grid of ``shape`` = ``(N, *)``."""
    target = drop_channel_axis(target, spatial=len(shape) - 1)
    if target.shape[0] != shape[0]:
        raise ValueError(f"expected labels for a batch of {shape[0]} but found {target.shape[0]}")
    for axis, cells in enumerate(shape[1:], start=1):
        found = target.shape[axis]
        if found != cells:
            # The integer form of floor((i + 1/2) * found / cells): no rounding at the cell borders.
            centres = (2 * torch.arange(cells, device=target.device) + 1) * found // (2 * cells)
            target = target.index_select(axis, centres)
    return target


class KDLoss(FunctionLoss, function=kd_loss):
    """Module over `kd_loss`; ``forward(student, teacher, target=None)``."""


class LSKDLoss(FunctionLoss, function=lskd_loss):
    """Module over `lskd_loss`; ``forward(student, teacher, target=None)``."""


class WSLDLoss(FunctionLoss, function=wsld_loss):
    """Module over `wsld_loss`; ``forward(student, teacher, target)``."""
