"""Losses of points on faces towards the truth, and towards a teacher only as far as that helps.

Points are interleaved coordinates x1, y1, x2, y2, … as shares of the crop (see `tasks.landmarks.crop.normalised`).
Every coordinate counts by itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from common.losses.base import loss_function
from common.losses.checks import check_shape
from common.registry import LOSSES

LOW_REGIONS = ("zero", "linear")


def check_constant(name: str, value: float) -> None:
    """Refuse what is not a finite number of at least 0 with a ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"expected {name} to be a number of at least 0 but found {value!r}")


def check_regions(ratio: float, low_region: str) -> None:
    """Refuse a ratio outside 0..1, or a word that is no form of the low region, with a ValueError."""
    check_constant("ratio", ratio)
    if ratio > 1:
        raise ValueError(f"expected ratio to be within 0..1 but found {ratio!r}")
    if low_region not in LOW_REGIONS:
        raise ValueError(f"expected low_region to be one of {LOW_REGIONS} but found {low_region!r}")


def check_points(student: Tensor, **others: Tensor | None) -> None:
    """Refuse points that are not floats ``(B, 2n)`` of the student's shape with a ValueError; None is left out."""
    sizes = check_shape("student points", student, "B 2n")
    for name, points in others.items():
        if points is not None:
            check_shape(f"{name} points", points, "B 2n", sizes)


def assistive_regions(student: Tensor, teacher: Tensor, target: Tensor, ratio: float) -> tuple[Tensor, Tensor, Tensor]:
    r"""Where a teacher attracts, where it repels, and where it has little to say [0].

    With :math:`d = |s - g|` and :math:`D = |t - g|`: positive where :math:`d > D`, negative where
    :math:`\rho D \le d \le D`, low where :math:`d < \rho D`.

    Args:
        student: s, shape ``(B, 2n)``.
        teacher: t, same shape.
        target: g, same shape.
        ratio: rho, 0 to 1.

    Returns:
        Three bool tensors ``(B, 2n)``: positive, negative, low. Each coordinate is in exactly one, unless it is NaN.

    [0] Fard, Mahoor, as in `assistive_loss`; both ends of the middle region as in the authors' code.
    """
    error, radius = (student - target).abs(), (teacher - target).abs()
    return error > radius, (error >= ratio * radius) & (error <= radius), error < ratio * radius


@loss_function(resize=False)
def assistive_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    positive: float,
    negative: float,
    ratio: float,
    low_region: str = "zero",
) -> Tensor:
    r"""ALoss [0]: the teacher attracts a student that errs more than it, and repels one that errs less.

    Per coordinate, with :math:`d = |s - g|` and :math:`D = |t - g|`, the teacher is mirrored onto the student's side of
    the truth, so that repelling is always towards the truth:

    .. math::
        \overline{\omega\, |t' - s|}, \qquad t' = g + \operatorname{sign}(s - g)\, D, \qquad
        \omega = \begin{cases}
            w_+ & d > D \\
            -w_- & \rho D \le d \le D \\
            0 \text{ or } -w_- \frac{d}{\rho D} & d < \rho D
        \end{cases}

    where the bar is the mean over batch and coordinates. The sign has no gradient; the weight below :math:`\rho D` has,
    where it is linear. With that the truth remains the minimum of the total only where the main loss is steep enough:
    :math:`\lambda_{main} c > \sum_T \lambda_T w_{-,T} / \rho`.

    Args:
        student: s, shape ``(B, 2n)``.
        teacher: t, same shape; no gradient flows into it.
        target: g, same shape.
        positive: :math:`w_+`; see `PRESETS` for the authors'.
        negative: :math:`w_-`, given as a positive number.
        ratio: :math:`\rho`, 0 to 1.
        low_region: ``'zero'`` as in the authors' training code, ``'linear'`` as in the paper's figure.

    Returns:
        Scalar, negative where the student is better than the teacher; 0 where the student is right.

    Raises:
        ValueError: if the shapes differ, a weight is below 0, the ratio not in 0..1, or ``low_region`` another word.

    >>> import torch
    >>> right, teacher = torch.zeros(1, 2), torch.tensor([[0.1, 0.1]])
    >>> assistive_loss(torch.tensor([[0.3, -0.06]]), teacher, right, positive=1.9, negative=0.45, ratio=0.15)
    tensor(0.1810)

    That is the mean of 1.9 · 0.2 and -0.45 · 0.04.

    [0] Fard, Mahoor, Facial Landmark Points Detection Using Knowledge Distillation-Based Neural Networks, 2022; code
        aliprf/KD-Loss ``custom_Losses.py``, figure from aliprf/FLD-DD.
    """
    check_constant("positive", positive)
    check_constant("negative", negative)
    check_regions(ratio, low_region)
    check_points(student, teacher=teacher, target=target)
    return assistance(student, teacher.detach(), target, positive, negative, ratio, low_region)[0]


def assistance(
    student: Tensor, teacher: Tensor, target: Tensor, positive: float, negative: float, ratio: float, low_region: str
) -> tuple[Tensor, dict[str, Tensor]]:
    """`assistive_loss` of checked points, and the shares of coordinates in ``positive``, ``negative`` and ``low``."""
    attracts, repels, low = assistive_regions(student, teacher, target, ratio)
    offset, radius = student - target, (teacher - target).abs()
    gap = (offset.sign() * radius - offset).abs()
    weight = positive * attracts.to(gap.dtype) - negative * repels.to(gap.dtype)
    if low_region == "linear":
        # 1 elsewhere: a division by 0 in a branch that is not taken still spoils the gradient.
        within = torch.where(low, ratio * radius, 1.0)
        weight = weight - negative * torch.where(low, offset.abs() / within, 0.0)
    shares = {"positive": attracts, "negative": repels, "low": low}
    return (weight * gap).mean(), {name: share.to(gap.dtype).mean() for name, share in shares.items()}


@loss_function(resize=False)
def main_landmark_loss(student: Tensor, target: Tensor, threshold: float | Tensor, slope: float) -> Tensor:
    r"""Main loss of KD-Loss [0]: linear near the truth, quadratic far from it.

    .. math::
        \overline{M(d)}, \qquad d = |s - g|, \qquad
        M(d) = \begin{cases} c\, d & d \le \tau \\ d^2 + c \tau - \tau^2 & d > \tau \end{cases}

    It has no jump, but where :math:`2 \tau < c`, as always with c = 3 and coordinates within 0.5 of the middle, it is
    less steep far away than near.

    Args:
        student: s, shape ``(B, 2n)``.
        target: g, same shape.
        threshold: :math:`\tau`, a number or a tensor of the same shape; no gradient flows into it. In the authors' code
            the error of the tolerant teacher, in the paper's figure 0.5.
        slope: c, 3 in the authors' code and 1 in the paper's figure.

    Returns:
        Scalar: the mean over batch and coordinates.

    Raises:
        ValueError: if the shapes differ, or a number is below 0.

    >>> import torch
    >>> main_landmark_loss(torch.tensor([[0.1, 0.9]]), torch.zeros(1, 2), threshold=0.5, slope=1.0)
    tensor(0.5800)

    That is the mean of 0.1 and 0.81 + 0.25.

    [0] Fard, Mahoor, 2022, as `assistive_loss`.
    """
    check_constant("slope", slope)
    if isinstance(threshold, Tensor):
        check_points(student, target=target)
        check_shape("threshold", threshold, "B 2n", dict(zip(("B", "2n"), student.shape, strict=True)))
        threshold = threshold.detach()
    else:
        check_constant("threshold", threshold)
        check_points(student, target=target)
    error = (student - target).abs()
    far = error.square() + slope * threshold - threshold**2
    return torch.where(error <= threshold, slope * error, far).mean()


@loss_function(resize=False)
def wing_loss(
    student: Tensor, target: Tensor, width: float = 10.0, curvature: float = 2.0, pixels: float = 256.0
) -> Tensor:
    r"""Wing loss [0]: logarithmic for small errors, so that these count, and linear for large ones.

    .. math::
        \overline{W(x)}, \qquad x = p\, |s - g|, \qquad
        W(x) = \begin{cases}
            w \ln(1 + x / \epsilon) & x < w \\ x - w + w \ln(1 + w / \epsilon) & x \ge w
        \end{cases}

    with the bar over batch and coordinates; the authors add the coordinates up.

    Args:
        student: s, shape ``(B, 2n)``, shares of the crop.
        target: g, same shape.
        width: w in pixels, from where on it is linear; 10 in the paper.
        curvature: :math:`\epsilon` in pixels; 2 in the paper.
        pixels: side p of the crop that width and curvature are meant for; 256 in the paper.

    Returns:
        Scalar, 0 where the two agree.

    Raises:
        ValueError: if the shapes differ, or a number is not above 0.

    >>> import torch
    >>> wing_loss(torch.tensor([[0.5, 20.0]]), torch.zeros(1, 2), width=10, curvature=0.5, pixels=1)  # 6.93 and 40.45
    tensor(23.6883)

    [0] Feng et al., Wing Loss for Robust Facial Landmark Localisation with Convolutional Neural Networks, CVPR 2018.
    """
    for name, value in {"width": width, "curvature": curvature, "pixels": pixels}.items():
        check_constant(name, value)
        if value == 0:
            raise ValueError(f"expected {name} to be above 0 but found 0")
    check_points(student, target=target)
    error = pixels * (student - target).abs()
    at_width = width * math.log1p(width / curvature)
    return torch.where(error < width, width * torch.log1p(error / curvature), error - width + at_width).mean()


for _loss in (assistive_loss, main_landmark_loss, wing_loss):
    LOSSES.register_module(name=_loss.__name__, module=_loss)
