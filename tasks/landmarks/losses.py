"""KD-Loss: points on faces learnt from the truth, from a tough teacher and from a tolerant one.

Points are interleaved coordinates x1, y1, x2, y2, … as shares of the crop (see `tasks.landmarks.crop.normalised`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from common.errors import did_you_mean
from common.losses.base import full_precision, loss_function
from common.registry import LOSSES
from tasks.landmarks.loss_parts import (
    assistance,
    assistive_loss,
    assistive_regions,
    check_constant,
    check_points,
    check_regions,
    main_landmark_loss,
    wing_loss,
)

__all__ = [
    "PRESETS",
    "KDConstants",
    "KDLandmarkLoss",
    "assistive_loss",
    "assistive_regions",
    "kd_landmark_loss",
    "main_landmark_loss",
    "wing_loss",
]

OF_TEACHER = "teacher"


@dataclass(frozen=True)
class KDConstants:
    """Constants of `kd_landmark_loss`.

    Attributes:
        tough_positive: weight of the tough teacher where it attracts.
        tough_negative: its weight where it repels.
        tolerant_positive: weight of the tolerant teacher where it attracts.
        tolerant_negative: its weight where it repels.
        ratio: share of a teacher's error below which it is silent, rho.
        low_region: what it does there, as in `assistive_loss`.
        slope: of the main loss, c.
        threshold: from where on the main loss is quadratic: a number, or ``'teacher'`` for the error of the tolerant
            teacher in that coordinate (where there is none, of the tough one: ours).
        main_weight: lambda of the main loss.
        tough_weight: lambda of the tough teacher.
        tolerant_weight: lambda of the tolerant teacher.

    Raises:
        ValueError: for a number below 0 or not finite, a ratio above 1, or a word that is none of these.
    """

    tough_positive: float
    tough_negative: float
    tolerant_positive: float
    tolerant_negative: float
    ratio: float
    low_region: str
    slope: float
    threshold: float | str
    main_weight: float
    tough_weight: float
    tolerant_weight: float

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name not in ("low_region", "threshold"):
                check_constant(field.name, value)
        check_regions(self.ratio, self.low_region)
        if isinstance(self.threshold, str) and self.threshold != OF_TEACHER:
            raise ValueError(f"expected threshold to be a number or {OF_TEACHER!r} but found {self.threshold!r}")
        if not isinstance(self.threshold, str):
            check_constant("threshold", self.threshold)


PRESETS: Mapping[str, KDConstants] = {
    # The published code: custom_Losses.py, student_train.py and main.py of aliprf/KD-Loss.
    "code": KDConstants(
        tough_positive=1.9,
        tough_negative=0.45,
        tolerant_positive=1.8,
        tolerant_negative=0.40,
        ratio=0.15,
        low_region="zero",
        slope=3.0,
        threshold=OF_TEACHER,
        main_weight=2.0,
        tough_weight=1.0,
        tolerant_weight=1.0,
    ),
    # What the paper's figure of the loss is drawn with: plotting code in aliprf/FLD-DD.
    "figure": KDConstants(
        tough_positive=0.9,
        tough_negative=0.45,
        tolerant_positive=0.9,
        tolerant_negative=0.45,
        ratio=0.4,
        low_region="linear",
        slope=1.0,
        threshold=0.5,
        main_weight=2.5,
        tough_weight=1.0,
        tolerant_weight=1.0,
    ),
}


@full_precision
def _kd_terms(
    student: Tensor, tough: Tensor | None, tolerant: Tensor | None, target: Tensor, constants: KDConstants
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weighted parts ``main``, ``tough`` and ``tolerant``, and shares of coordinates as ``tough_positive`` etc."""
    teachers = {"tough": tough, "tolerant": tolerant}
    check_points(student, **teachers, target=target)
    teachers = {name: points.detach() for name, points in teachers.items() if points is not None}
    threshold = constants.threshold
    if threshold == OF_TEACHER:
        if not teachers:
            raise ValueError("expected a tough or tolerant teacher, or a number as threshold, but found none of them")
        threshold = (teachers.get("tolerant", teachers.get("tough")) - target).abs()

    parts = {"main": constants.main_weight * main_landmark_loss(student, target, threshold, constants.slope)}
    shares = {}
    for name, teacher in teachers.items():
        positive, negative = (getattr(constants, f"{name}_{sign}") for sign in ("positive", "negative"))
        loss, regions = assistance(student, teacher, target, positive, negative, constants.ratio, constants.low_region)
        parts[name] = getattr(constants, f"{name}_weight") * loss
        shares |= {f"{name}_{region}": share for region, share in regions.items()}
    return parts, shares


def _constants(preset: str | KDConstants) -> KDConstants:
    if isinstance(preset, KDConstants):
        return preset
    if preset not in PRESETS:
        hint = did_you_mean(str(preset), PRESETS)
        raise ValueError(f"expected preset to be one of {tuple(PRESETS)} but found {preset!r}{hint}")
    return PRESETS[preset]


@loss_function(resize=False)
def kd_landmark_loss(
    student: Tensor,
    tough: Tensor | None,
    tolerant: Tensor | None,
    target: Tensor,
    preset: str | KDConstants = "code",
) -> Tensor:
    r"""KD-Loss [0]: a main loss towards the truth, and the help of two frozen teachers.

    .. math::
        \lambda_{main} \overline{M(d)} + \lambda_{tou} \mathrm{ALoss}_{tou} + \lambda_{tol} \mathrm{ALoss}_{tol}

    with `main_landmark_loss` and `assistive_loss`. The tough teacher learnt the points, the tolerant one their
    projections by `tasks.landmarks.shape_model.ShapeModel`. A teacher that is None adds nothing. The threshold of the
    preset ``'code'`` is the error of the tolerant teacher, also where its weight is 0; where that teacher is None it is
    the error of the tough one, which is ours: what the authors did with one teacher is not published.

    Args:
        student: s, shape ``(B, 2n)``.
        tough: what the tough teacher says, same shape, or None; no gradient flows into it.
        tolerant: what the tolerant teacher says, likewise.
        target: g, same shape.
        preset: ``'code'`` for the constants of the published code, ``'figure'`` for those of the paper's figure, or
            constants of one's own.

    Returns:
        Scalar, 0 where the student is right; it can be slightly negative elsewhere.

    Raises:
        ValueError: if the shapes differ, the preset is another word, or there is neither a teacher
            nor a number as threshold.

    >>> import torch
    >>> right, tough, tolerant = torch.zeros(1, 1), torch.tensor([[0.1]]), torch.tensor([[0.2]])
    >>> kd_landmark_loss(torch.tensor([[0.15]]), tough, tolerant, right)  # 2 · 3 · 0.15 + 1.9 · 0.05 - 0.4 · 0.05
    tensor(0.9750)

    [0] Fard, Mahoor, Facial Landmark Points Detection Using Knowledge Distillation-Based Neural Networks, Computer
        Vision and Image Understanding 2022, arXiv 2111.07047; code aliprf/KD-Loss.
    """
    parts, _ = _kd_terms(student, tough, tolerant, target, _constants(preset))
    return sum(parts.values())


class KDLandmarkLoss(nn.Module):
    """Module over `kd_landmark_loss` that takes each constant and tells how often each teacher helps.

    After a call `logged` holds the weighted parts ``main``, ``tough`` and ``tolerant``, whose sum is the loss, and for
    each teacher the shares of coordinates in the regions of `assistive_regions`: ``tough_positive``,
    ``tough_negative``, ``tough_low``, and the same of ``tolerant``. Trainers log them under the name of the loss, as in
    ``kd_tough_positive``.

    Args:
        preset: of the constants that are None, ``'code'`` or ``'figure'``.
        tough_positive: see `KDConstants`, as all others. A ``tough_weight`` or ``tolerant_weight`` of 0 switches a
            teacher's help off.

    Raises:
        ValueError: as `KDConstants`, or if the preset is another word.
    """

    adapter, resize, levels = None, False, "each"

    def __init__(
        self,
        preset: str = "code",
        tough_positive: float | None = None,
        tough_negative: float | None = None,
        tolerant_positive: float | None = None,
        tolerant_negative: float | None = None,
        ratio: float | None = None,
        low_region: str | None = None,
        slope: float | None = None,
        threshold: float | str | None = None,
        main_weight: float | None = None,
        tough_weight: float | None = None,
        tolerant_weight: float | None = None,
    ):
        super().__init__()
        given = {
            "tough_positive": tough_positive,
            "tough_negative": tough_negative,
            "tolerant_positive": tolerant_positive,
            "tolerant_negative": tolerant_negative,
            "ratio": ratio,
            "low_region": low_region,
            "slope": slope,
            "threshold": threshold,
            "main_weight": main_weight,
            "tough_weight": tough_weight,
            "tolerant_weight": tolerant_weight,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        self.constants = dataclasses.replace(_constants(preset), **changed)
        self.logged: dict[str, Tensor] = {}

    def forward(
        self,
        student: Tensor,
        tough: Tensor | None = None,
        tolerant: Tensor | None = None,
        target: Tensor | None = None,
    ) -> Tensor:
        """The loss of points ``(B, 2n)``, a scalar; the teachers may be left out, the target may not."""
        if target is None:
            raise ValueError("expected target points of shape (B, 2n) but found None")
        parts, shares = _kd_terms(student, tough, tolerant, target, self.constants)
        self.logged = {name: value.detach() for name, value in {**parts, **shares}.items()}
        return sum(parts.values())

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in dataclasses.asdict(self.constants).items())


for _loss in (kd_landmark_loss, KDLandmarkLoss):
    LOSSES.register_module(name=_loss.__name__, module=_loss)
