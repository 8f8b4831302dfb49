"""Distillation across heads: the student's features go on through the teacher's head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import full_precision
from common.losses.box_bins import ld_loss
from common.losses.checks import check_shape

KINDS = ("scores", "bins")
Part = str | nn.Module


class CrossKDLoss(nn.Module):
    r"""CrossKD [0]: the student's features, through the rest of the teacher's head, are to give its predictions.

    With features :math:`f^s, f^t` within the heads of student and teacher, the rest C of the teacher's head behind
    them, and :math:`\hat p = C(f^s),\; p = C(f^t)` over all positions r of all levels,

    .. math::
        \text{scores: } \frac{1}{\sum_r w_r} \sum_{r, c} |\sigma(p_{rc}) - \sigma(\hat p_{rc})|^\beta \,
        \mathrm{BCE}\big(\sigma(\hat p_{rc}), \sigma(p_{rc})\big), \qquad
        \text{bins: } \frac{1}{\sum_r w_r} \sum_r \frac{w_r}{4} \sum_{k=1}^4 \mathrm{KL}(p_{rk} \,\|\, \hat p_{rk})

    with :math:`w_r` the highest class probability that the teacher gives at r, or 1. The gradient goes through the
    teacher's layers, whose weights stay as they are, into the student. So the student's own scores and boxes learn
    from the labels alone.

    Written from the paper's formulas, with two choices: scores are divided by the sum of w and not by the number of
    positions, which would make them vanish beside a detector's own loss (ours); and features are first brought to the
    teacher's mean and deviation (second hand; ``align``). Boxes that are not predicted as bins are not here.

    Args:
        rest: the layers of the teacher's head behind the features, in order: paths in the teacher, which the trainers
            show to `read_teacher`, or frozen modules; a list in place of one has one for each level.
        kind: ``'scores'``: class logits ``(B, C, H, W)``, each class by itself; ``'bins'``: logits over the n bins of
            each side of a box, ``(B, 4 n, H, W)`` as in GFL.
        beta: exponent of the scores' factor; 1 in the authors' configurations.
        align: bring each channel of the student's features to the teacher's mean and deviation over the batch and the
            positions of a level, and cut off what is below 0, before the teacher's layers; for features behind a ReLU.

    Raises:
        ValueError: for an unknown kind, no layers, layers that learn, and shapes or levels that do not fit.
        RuntimeError: if it is called before it was shown the teacher.

    [0] Wang et al., CrossKD: Cross-Head Knowledge Distillation for Object Detection, CVPR 2024.
    """

    adapter, resize, levels = "auto", False, "all"

    def __init__(
        self, rest: Sequence[Part | Sequence[Part]], kind: str = "scores", beta: float = 1.0, align: bool = True
    ):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"expected kind to be one of {KINDS} but found {kind!r}")
        if isinstance(rest, str) or not rest:
            raise ValueError(f"expected rest to be a list of layers of the teacher's head but found {rest!r}")
        self.kind, self.beta, self.align = kind, beta, align
        self._layout = [list(each) if isinstance(each, (list, tuple)) else each for each in rest]
        parts = _flat(self._layout)
        self.teacher_paths = [part for part in parts if isinstance(part, str)]
        self._rest: _Borrowed | None = None
        if not self.teacher_paths:
            self.read_teacher([])

    def read_teacher(self, modules: Sequence[nn.Module]) -> None:
        """Take the layers at ``teacher_paths``; they stay the teacher's, out of this loss's parameters and state."""
        shown = dict(zip(self.teacher_paths, modules, strict=True))
        layers = [
            [shown.get(part, part) for part in each] if isinstance(each, list) else shown.get(each, each)
            for each in self._layout
        ]
        for module in _flat(layers):
            if any(parameter.requires_grad for parameter in module.parameters()):
                raise ValueError(f"expected frozen layers of a teacher but found weights that learn in {module}")
        self._rest = _Borrowed(layers)

    @full_precision
    def forward(
        self,
        student: Tensor | Sequence[Tensor],
        teacher: Tensor | Sequence[Tensor],
        prediction: Tensor | Sequence[Tensor],
        confidence: Tensor | Sequence[Tensor] | None = None,
    ) -> Tensor:
        """The loss of maps, or of lists of them by level; no gradient flows into those of the teacher.

        Args:
            student: features within the student's head, ``(B, F, H, W)``.
            teacher: those within the teacher's, of the same shape.
            prediction: what the teacher's head makes of its features, ``(B, C, H, W)`` by ``kind``.
            confidence: the teacher's class logits ``(B, *, H, W)``, of which w is; None is a w of 1.
        """
        if self._rest is None:
            raise RuntimeError("CrossKDLoss has no layers yet: give modules as rest= or call read_teacher()")
        levels = [_listed(each) for each in (student, teacher, prediction)]
        levels.append([None] * len(levels[0]) if confidence is None else _listed(confidence))
        if len({len(each) for each in levels}) > 1:
            raise ValueError(f"expected maps of as many levels but found {[len(each) for each in levels]}")
        found = [self._level(*maps, level) for level, maps in enumerate(zip(*levels, strict=True))]
        student_rows, teacher_rows, weights = (torch.cat(each) for each in zip(*found, strict=True))
        total = weights.sum().clamp(min=1)
        if self.kind == "scores":
            return score_divergence(student_rows, teacher_rows, self.beta).sum() / total
        sides = [rows.unflatten(1, (4, -1)).flatten(0, 1) for rows in (student_rows, teacher_rows)]
        return ld_loss(*sides, temperature=1.0, weights=weights.repeat_interleave(4), avg_factor=4 * total, bins="sum")

    def _level(
        self, student: Tensor, teacher: Tensor, prediction: Tensor, confidence: Tensor | None, level: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, one a position, of the crossed prediction and of the teacher's, and their weights."""
        sizes = check_shape("student features", student, "B F H W")
        check_shape("teacher features", teacher, "B F H W", sizes)
        grid = {axis: sizes[axis] for axis in "BHW"}
        shape = check_shape("teacher prediction", prediction, "B C H W", grid)
        if self.kind == "bins" and (shape["C"] % 4 or shape["C"] < 8):
            raise ValueError(f"expected bins of 4 sides in the teacher's prediction but found {shape['C']} channels")
        features = align_statistics(student, teacher.detach()).relu() if self.align else student
        crossed = self._through(features, level)
        check_shape("crossed prediction", crossed, "B C H W", shape)
        weights = torch.ones_like(crossed[:, 0])
        if confidence is not None:
            check_shape("teacher confidence", confidence, "B K H W", grid)
            weights = confidence.detach().amax(dim=1).sigmoid()
        return _rows(crossed), _rows(prediction.detach()), weights.flatten()

    def _through(self, features: Tensor, level: int) -> Tensor:
        """The features behind the rest of the teacher's head, which may have a dtype of its own."""
        dtype = features.dtype
        for each in self._rest.layers:
            if isinstance(each, list):
                if level >= len(each):
                    raise ValueError(f"expected layers of as many levels as there are maps but found {len(each)}")
                each = each[level]
            own = next((parameter.dtype for parameter in each.parameters()), features.dtype)
            features = each(features.to(own))
        return features.to(dtype)

    def extra_repr(self) -> str:
        return f"rest={self.teacher_paths}, kind={self.kind!r}, beta={self.beta}, align={self.align}"


class _Borrowed:
    """Layers that belong to another network: copies of the holder, such as EMA makes, share them."""

    def __init__(self, layers: list):
        self.layers = layers

    def __deepcopy__(self, memo: dict) -> _Borrowed:
        return self


def score_divergence(student: Tensor, teacher: Tensor, beta: float) -> Tensor:
    r""":math:`|\sigma(t) - \sigma(s)|^\beta \, \mathrm{BCE}(\sigma(s), \sigma(t))` of logits, element by element.

    >>> import torch
    >>> score_divergence(torch.tensor([0.0]), torch.tensor([3.0]).log(), beta=1.0)  # 0.25 log 2
    tensor([0.1733])
    """
    wanted = teacher.sigmoid()
    gap = (wanted - student.sigmoid()).abs()
    return gap**beta * F.binary_cross_entropy_with_logits(student, wanted, reduction="none")


def align_statistics(student: Tensor, teacher: Tensor, eps: float = 1e-6) -> Tensor:
    """A map ``(B, C, H, W)`` with each channel at the teacher's mean and standard deviation.

    A channel that varies by less than ``eps`` is the teacher's mean, without a gradient, which would be of 1 / eps.
    """
    axes = (0, 2, 3)
    mean, deviation = student.mean(axes, keepdim=True), student.std(axes, keepdim=True, correction=0)
    wanted_mean, wanted_deviation = teacher.mean(axes, keepdim=True), teacher.std(axes, keepdim=True, correction=0)
    scale = torch.where(deviation > eps, wanted_deviation / deviation.clamp(min=eps), 0.0)
    return (student - mean) * scale + wanted_mean


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _listed(value: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _flat(layers: Sequence) -> list:
    return [part for each in layers for part in (each if isinstance(each, list) else [each])]
