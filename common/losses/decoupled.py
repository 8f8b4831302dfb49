"""Distillation of the score of the labelled class apart from those of the other classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, full_precision, loss_function
from common.losses.checks import check_shape
from common.losses.logits import check_scores, class_labels, expected, position_mean

WEIGHTED = ("target", "both")
LEVELS = ("image", "position")
DISTANCES = ("euclidean", "cosine")


@loss_function()
def dkd_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    ignore_index: int | None = None,
) -> Tensor:
    r"""Decoupled KD [0]: the probability of the label, and how the rest is spread, with weights of their own.

    .. math::
        \frac{T^2}{|V|} \sum_{i \in V} \alpha \, \mathrm{KL}(b^t_i \,\|\, b^s_i)
        + \beta \, \mathrm{KL}(\hat p^t_i \,\|\, \hat p^s_i), \quad b = (p_y, 1 - p_y), \;
        \hat p_c = \frac{p_c}{1 - p_y} \; (c \ne y), \; p = \sigma_c(z/T)

    KD is the same with 1 and the teacher's :math:`1 - p^t_y` as weights. mmrazor with ``reduction='mean'`` sums over
    the samples. The published code gives inf in float32 where :math:`p_y` or :math:`1 - p_y` underflows; here all is
    computed from logarithms. The authors raise the weight of the loss linearly over 20 epochs on CIFAR-100.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        target: integer labels y ``(N, *)`` or ``(N, 1, *)``; labels of another grid are read at the centre of
            each logit cell.
        alpha: weight of the target term (TCKD); 1 in the paper.
        beta: weight of the non-target term (NCKD); the paper's 8 for CIFAR-100, 0.5 for ImageNet.
        temperature: softmax temperature T; the paper's 4 for CIFAR-100, 1 for ImageNet.
        ignore_index: the label of ignored positions, as in `kd_loss`.

    Returns:
        Scalar, 0 where the two agree up to a constant per position, or where everything is ignored.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, a label is none of them (on the CPU), or
            the temperature is not above 0.

    >>> import torch
    >>> teacher = torch.tensor([[2.0, 1.0, 1.0]]).log()
    >>> dkd_loss(torch.zeros(1, 3), teacher, torch.tensor([0]), temperature=1.0)  # KL of (1/2, 1/2) to (1/3, 2/3)
    tensor(0.0589)

    [0] Zhao et al., Decoupled Knowledge Distillation, CVPR 2022.
    """
    check_scores(student, teacher, temperature)
    labels, valid = class_labels(target, student, ignore_index)
    of_target, of_others = _decoupled(student, teacher.detach(), labels, temperature)
    return position_mean(alpha * of_target + beta * of_others, valid) * temperature**2


@loss_function()
def pixel_dkd_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    weights: Tensor | None = None,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    ignore_index: int = 255,
    weighted: str = "target",
) -> Tensor:
    r"""Pixel-wise DKD with weights: the PTCKD and PNCKD terms of FDWA-DKD [0].

    .. math::
        \frac{T^2}{|V|} \sum_{i \in V} w_i \, \alpha \, \mathrm{KL}(b^t_i \,\|\, b^s_i)
        + \beta \, \mathrm{KL}(\hat p^t_i \,\|\, \hat p^s_i)

    in the symbols of `dkd_loss`, which it equals without weights. A reconstruction from the paper's abstract, which
    says that weights of each instance, from `feature_distance_weights`, take the place of the fixed weight of the
    target term; `fdwa_dkd_loss` is both together. Ours are the mean over the labelled pixels, not divided by their
    weights, and, for want of others, the numbers of DKD. The paper's class-wise loss on where a class is likely is not
    part of it: its formula is not public, and `cwd_loss` on the logits, a softmax over the positions of each class,
    is what the abstract's words describe.

    Forward and backward hold at most about 12 times the memory of the student's logits at once (`kd_loss` 6).

    Args:
        student: dense logits, shape ``(N, C, *)``, usually ``(N, C, H, W)``.
        teacher: same shape; no gradient flows into it.
        target: integer labels y ``(N, *)`` or ``(N, 1, *)``; labels of another grid are read at the centre of
            each logit cell.
        weights: :math:`w_i`, one a sample ``(N,)`` or one a position ``(N, *)``; held constant. None is 1.
        alpha: weight of the target term (PTCKD) beside ``weights``.
        beta: weight of the non-target term (PNCKD).
        temperature: softmax temperature T.
        ignore_index: the label of ignored positions.
        weighted: ``'target'`` weights the target term, as the abstract has it; ``'both'`` both terms.

    Returns:
        Scalar, 0 where the two agree up to a constant per position, or where everything is ignored.

    Raises:
        ValueError: if the shapes differ, the logits have no positions, there are fewer than 2 classes, a label is
            none of them (on the CPU), ``weighted`` is another word, or the temperature is not above 0.

    >>> import torch
    >>> teacher = torch.tensor([2.0, 1.0, 1.0]).log().reshape(1, 3, 1, 1)
    >>> target = torch.zeros(1, 1, 1, dtype=torch.long)
    >>> pixel_dkd_loss(torch.zeros(1, 3, 1, 1), teacher, target, weights=torch.tensor([2.0]), temperature=1.0)
    tensor(0.1178)

    [0] Yu et al., Feature Distance-Weighted Adaptive Decoupled Knowledge Distillation for Medical Image Segmentation,
        IJCARS 2025.
    """
    sizes = check_scores(student, teacher, temperature)
    if student.dim() < 3:
        raise ValueError(f"expected student logits of shape (N, C, *) with positions but found {tuple(student.shape)}")
    if weighted not in WEIGHTED:
        raise ValueError(f"expected weighted to be one of {WEIGHTED} but found {weighted!r}")
    labels, valid = class_labels(target, student, ignore_index)
    of_target, of_others = _decoupled(student, teacher.detach(), labels, temperature)
    if weights is not None:
        weights = _position_weights(weights.detach(), sizes, labels.dim())
        of_target = of_target * weights
        of_others = of_others * weights if weighted == "both" else of_others
    return position_mean(alpha * of_target + beta * of_others, valid) * temperature**2


@torch.no_grad()
@full_precision
def feature_distance_weights(
    student: Tensor,
    teacher: Tensor,
    level: str = "image",
    distance: str = "euclidean",
    normalize: bool = True,
    size: tuple[int, int] | None = None,
) -> Tensor:
    r"""How far a student's features are from its teacher's, as weights for `pixel_dkd_loss` [0].

    .. math:: w_i = d_i \Big/ \frac{1}{|I|} \sum_j d_j, \quad d_i = \sqrt{\mathrm{mean}\,(f^s_i - f^t_i)^2}
        \; \text{or} \; 1 - \cos(f^s_i, f^t_i)

    A reconstruction of the FDW module from the paper's abstract ("instance-level" weights from the "feature
    distance"): the distance, what an instance is, and the scale are ours, each with its argument, and so is that
    no gradient flows through the weights.

    Args:
        student: features, shape ``(N, D, H, W)``, with the teacher's width.
        teacher: same shape.
        level: ``'image'``, one weight a sample; ``'position'``, one a position.
        distance: ``'euclidean'``, the root of the mean square over the channels (and positions); ``'cosine'``, the
            angle between channel vectors (meant over the positions).
        normalize: whether the weights are divided by their mean over the batch; 1 where all features agree.
        size: the grid of the logits, to which weights of positions are interpolated; None keeps the features'.

    Returns:
        Weights of at least 0 without a gradient, shape ``(N,)`` or ``(N, H, W)``.

    Raises:
        ValueError: if the shapes differ, or ``level`` or ``distance`` is another word.

    >>> import torch
    >>> student = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1).expand(2, 4, 2, 2)
    >>> feature_distance_weights(student, torch.zeros(2, 4, 2, 2))
    tensor([0.5000, 1.5000])

    [0] Yu et al., Feature Distance-Weighted Adaptive Decoupled Knowledge Distillation for Medical Image Segmentation,
        IJCARS 2025.
    """
    if level not in LEVELS:
        raise ValueError(f"expected level to be one of {LEVELS} but found {level!r}")
    if distance not in DISTANCES:
        raise ValueError(f"expected distance to be one of {DISTANCES} but found {distance!r}")
    sizes = check_shape("student features", student, "N D H W")
    check_shape("teacher features", teacher, "N D H W", sizes)
    if distance == "cosine":
        apart = 1 - F.cosine_similarity(student, teacher, dim=1).clamp(max=1)
    else:
        apart = (student - teacher).square().mean(dim=1)
    if level == "image":
        apart = apart.mean(dim=(1, 2))
    weight = apart if distance == "cosine" else apart.sqrt()
    if level == "position" and size is not None:
        weight = F.interpolate(weight[:, None], size, mode="bilinear", align_corners=False)[:, 0]
    if normalize:
        tiny = torch.finfo(weight.dtype).tiny
        weight = (weight + tiny) / (weight.mean() + tiny)
    return weight


@loss_function()
def fdwa_dkd_loss(
    student: Tensor,
    teacher: Tensor,
    student_features: Tensor,
    teacher_features: Tensor,
    target: Tensor,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    ignore_index: int = 255,
    weighted: str = "target",
    level: str = "image",
    distance: str = "euclidean",
) -> Tensor:
    r"""FDWA-DKD [0]: `pixel_dkd_loss` under the `feature_distance_weights`, as far as the abstract tells.

    The weights take two maps of the features' size for a moment, and nothing of them is kept for the backward pass.

    Args:
        student: dense logits, shape ``(N, C, H, W)``.
        teacher: same shape; no gradient flows into it.
        student_features: features, shape ``(N, D, *, *)``, of the teacher's width and grid; no gradient flows into
            them, so that no projection could be learnt here.
        teacher_features: same shape.
        target: integer labels, as in `pixel_dkd_loss`.
        alpha: weight of the target term.
        beta: weight of the non-target term.
        temperature: softmax temperature T.
        ignore_index: the label of ignored positions.
        weighted: which term is weighted, as in `pixel_dkd_loss`.
        level: of what there is a weight, as in `feature_distance_weights`.
        distance: how features are compared, as in `feature_distance_weights`.

    Returns:
        Scalar, 0 where the logits agree up to a constant per position, or where everything is ignored.

    Raises:
        ValueError: if the shapes differ, or for what the two parts refuse.

    >>> import torch
    >>> teacher, features = torch.tensor([2.0, 1.0, 1.0]).log().reshape(1, 3, 1, 1), torch.zeros(1, 4, 2, 2)
    >>> target = torch.zeros(1, 1, 1, dtype=torch.long)
    >>> fdwa_dkd_loss(torch.zeros(1, 3, 1, 1), teacher, features, features + 1, target, temperature=1.0)
    tensor(0.0589)

    [0] Yu et al., Feature Distance-Weighted Adaptive Decoupled Knowledge Distillation for Medical Image Segmentation,
        IJCARS 2025.
    """
    weights = feature_distance_weights(student_features, teacher_features, level, distance, size=student.shape[2:])
    return pixel_dkd_loss(student, teacher, target, weights, alpha, beta, temperature, ignore_index, weighted)


@loss_function()
def nkd_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    gamma: float = 1.5,
    temperature: float = 1.0,
    ignore_index: int | None = None,
) -> Tensor:
    r"""Normalised KD [0]: soft cross-entropy of the label, and of the other classes among themselves.

    .. math::
        -\frac{1}{|V|} \sum_{i \in V} \sigma(t_i)_y \log \sigma(s_i)_y
        + \gamma T^2 \sum_{c \ne y} \hat p^t_{i,c} \log \hat p^s_{i,c}, \quad
        \hat p = \sigma_{c \ne y}(z/T)

    The temperature is the second term's alone. Both terms are cross-entropies: the value is not 0 where the two
    agree, and the second has the gradient of :math:`\gamma` times the NCKD of `dkd_loss`. The cross-entropy with the
    label, which the authors add, is not part of it.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        teacher: same shape; no gradient flows into it.
        target: integer labels y ``(N, *)`` or ``(N, 1, *)``, of which another grid is read at the centre of each
            logit cell; or soft labels of the logits' shape, of which the likeliest class counts, as in the authors'
            code.
        gamma: weight of the non-target term; the authors' 1.5 for convolutional students on ImageNet, 1 for DeiT,
            3.5 for CIFAR-100.
        temperature: softmax temperature T of the non-target term; the authors' 1 for ImageNet, 3 for CIFAR-100.
        ignore_index: the label of ignored positions, as in `kd_loss`.

    Returns:
        Scalar, 0 where everything is ignored.

    Raises:
        ValueError: if the shapes differ, there are fewer than 2 classes, a label is none of them (on the CPU), or
            the temperature is not above 0.

    >>> import torch
    >>> nkd_loss(torch.zeros(1, 3), torch.zeros(1, 3), torch.tensor([0]))  # (log 3) / 3 + 1.5 log 2
    tensor(1.4059)

    [0] Yang et al., From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized
        Loss and Customized Soft Labels, ICCV 2023.
    """
    check_scores(student, teacher, temperature)
    if target.is_floating_point() and target.shape == student.shape:
        target = target.argmax(dim=1)
    labels, valid = class_labels(target, student, ignore_index)
    own = _one_hot(labels, student.shape[1])
    teacher = teacher.detach()
    label = labels.unsqueeze(1)
    share = F.softmax(teacher, dim=1).gather(1, label)
    of_target = -(share * F.log_softmax(student, dim=1).gather(1, label)).squeeze(1)
    log_p, log_q = (log_softmax_without(scores / temperature, own) for scores in (teacher, student))  # 0 at the label
    of_others = -expected(log_p.exp(), log_q)
    return position_mean(of_target + gamma * temperature**2 * of_others, valid)


def _decoupled(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """TCKD and NCKD of each position, shape ``(N, *)``, without T²."""
    own = _one_hot(labels, student.shape[1])
    student, teacher = student / temperature, teacher / temperature
    student_odds, teacher_odds = (_log_odds(scores, own, labels) for scores in (student, teacher))
    of_target = sum(
        torch.sigmoid(sign * teacher_odds) * (F.logsigmoid(sign * teacher_odds) - F.logsigmoid(sign * student_odds))
        for sign in (1, -1)
    )
    log_p, log_q = log_softmax_without(teacher, own), log_softmax_without(student, own)  # 0 at the label
    return of_target, expected(log_p.exp(), log_p - log_q)


def _position_weights(weights: Tensor, sizes: dict[str, int], axes: int) -> Tensor:
    """Weights ``(N,)`` or ``(N, *)`` with ``axes`` axes."""
    if weights.dim() > 1:
        check_shape("weights", weights, "N *", sizes)
        return weights
    check_shape("weights", weights, "N", sizes)
    return weights.view(-1, *[1] * (axes - 1))


def _one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Labels ``(N, *)`` as a mask ``(N, C, *)``."""
    classes = torch.arange(num_classes, device=labels.device).view(-1, *[1] * (labels.dim() - 1))
    return labels.unsqueeze(1) == classes


def _log_odds(scores: Tensor, own: Tensor, labels: Tensor) -> Tensor:
    """log p_y / (1 - p_y) of each position."""
    others = torch.logsumexp(scores.masked_fill(own, -torch.inf), dim=1)
    return scores.gather(1, labels.unsqueeze(1)).squeeze(1) - others


def log_softmax_without(scores: Tensor, left_out: Tensor) -> Tensor:
    """Log-softmax over the classes that are not left out; 0 at those that are."""
    return F.log_softmax(scores.masked_fill(left_out, -torch.inf), dim=1).masked_fill(left_out, 0.0)


class DKDLoss(FunctionLoss, function=dkd_loss):
    """Module over `dkd_loss`; ``forward(student, teacher, target)``."""


class PixelDKDLoss(FunctionLoss, function=pixel_dkd_loss):
    """Module over `pixel_dkd_loss`; ``forward(student, teacher, target, weights=None)``."""


class FDWADKDLoss(FunctionLoss, function=fdwa_dkd_loss):
    """Module over `fdwa_dkd_loss`; ``forward(student, teacher, student_features, teacher_features, target)``."""


class NKDLoss(FunctionLoss, function=nkd_loss):
    """Module over `nkd_loss`; ``forward(student, teacher, target)``."""
