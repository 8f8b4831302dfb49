"""Distillation of a teacher's levels from all deeper levels of the student, compared at several scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.losses.base import FunctionLoss, ShapedLoss, full_precision, loss_function
from common.losses.checks import check_normalised, check_shape

SCALES = (4, 2, 1)
Levels = Tensor | Sequence[Tensor]


@loss_function(adapter="auto", levels="all")
def hcl_loss(student: Tensor | Sequence[Tensor], teacher: Tensor | Sequence[Tensor]) -> Tensor:
    r"""Hierarchical context loss [0]: squared differences of maps and of what pooling leaves of them.

    .. math::
        \sum_i \frac{\sum_{k \ge 0} 2^{-k}\, \overline{\big(P_k(s_i) - P_k(t_i)\big)^2}}{\sum_{k \ge 0} 2^{-k}}

    over the levels i, where the bar is the mean over all elements, :math:`P_0` the map itself and
    :math:`P_1, P_2, …` average pooling to those of the grids 4x4, 2x2 and 1x1 that have fewer rows than the map. The
    grids are square and chosen by the rows also for maps that are not square, as in the authors' code.

    Args:
        student: map, shape ``(B, C, H, W)``, or a list of them by level.
        teacher: same shapes; no gradient flows into it.

    Returns:
        Scalar, 0 where the two agree.

    Raises:
        ValueError: if the shapes or the numbers of levels differ.

    >>> import torch
    >>> hcl_loss(torch.zeros(1, 1, 2, 2), torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]))  # (3.5 + 1.5² / 2) / (1 + 1 / 2)
    tensor(3.0833)

    [0] Chen et al., Distilling Knowledge via Knowledge Review, CVPR 2021.
    """
    return sum(_compare(s, t.detach(), place) for s, t, place in _pairs(student, teacher))


def _pairs(student: Levels, teacher: Levels) -> list[tuple[Tensor, Tensor, str]]:
    student, teacher = as_levels(student), as_levels(teacher)
    if not student or len(student) != len(teacher):
        raise ValueError(
            f"expected as many teacher as student levels, at least 1, but found {len(teacher)} and {len(student)}"
        )
    return [(s, t, f" at level {i}") for i, (s, t) in enumerate(zip(student, teacher, strict=True))]


def as_levels(value: Any) -> list:
    """Tensors, or shapes, of all levels of a single one or a list."""
    return [value] if isinstance(value, (Tensor, Size)) else list(value)


def _compare(student: Tensor, teacher: Tensor, place: str) -> Tensor:
    sizes = check_shape(f"student map{place}", student, "B C H W")
    check_shape(f"teacher map{place}", teacher, "B C H W", sizes)
    total, weight, weights = F.mse_loss(student, teacher), 1.0, 1.0
    difference = student - teacher
    for cells in SCALES:
        if cells < sizes["H"]:
            weight /= 2
            weights += weight
            pooled = F.adaptive_avg_pool2d(difference, cells)
            total = total + weight * pooled.square().mean()
    return total / weights


class HCLLoss(FunctionLoss, function=hcl_loss):
    """Module over `hcl_loss`; ``forward(student, teacher)``."""


class AttentionBasedFusion(nn.Module):
    """Mix a level of the student with what came from the deeper ones, by learned weights per position [0].

    The level is brought to ``mid_channels`` by a 1x1 convolution, the deeper residual to its grid by nearest
    neighbours; two sigmoid maps, read off both, weigh them. A 3x3 convolution of the mixture gives the output. Both
    convolutions are followed by batch normalisation.

    Args:
        in_channels: channels of the student's level.
        mid_channels: channels of the residual.
        out_channels: channels of the output.
        fuse: False for the deepest level, which receives no residual.

    [0] Chen et al., Distilling Knowledge via Knowledge Review, CVPR 2021.
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, fuse: bool = True):
        super().__init__()
        self.entrance = nn.Sequential(nn.Conv2d(in_channels, mid_channels, 1, bias=False), nn.BatchNorm2d(mid_channels))
        self.attention = nn.Conv2d(2 * mid_channels, 2, 1) if fuse else None
        self.exit = nn.Sequential(
            nn.Conv2d(mid_channels, out_channels, 3, padding=1, bias=False), nn.BatchNorm2d(out_channels)
        )
        for layer in (self.entrance[0], self.exit[0]):
            nn.init.kaiming_uniform_(layer.weight, a=1)

    def forward(
        self, feature: Tensor, residual: Tensor | None = None, size: Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The output ``(B, out_channels, *size)``, and for the next shallower level ``(B, mid_channels, *size)``.

        Args:
            feature: the student's level, shape ``(B, in_channels, H, W)``.
            residual: that of the next deeper level, on any grid; None at the deepest.
            size: height and width of the output, by default those of the feature.
        """
        mixed = self.entrance(feature)
        if self.attention is not None:
            residual = _to_grid(residual, feature.shape[2:])
            weights = self.attention(torch.cat((mixed, residual), dim=1)).sigmoid()
            mixed = mixed * weights[:, :1] + residual * weights[:, 1:]
        mixed = _to_grid(mixed, size or feature.shape[2:])
        return self.exit(mixed), mixed


def _to_grid(feature: Tensor, size: Sequence[int]) -> Tensor:
    return feature if feature.shape[2:] == tuple(size) else F.interpolate(feature, tuple(size), mode="nearest")


class ReviewKDLoss(ShapedLoss):
    """Knowledge review [0]: each level of the teacher is learnt by the student's levels from there downwards.

    From the deepest level up, `AttentionBasedFusion` mixes the student's level with the residual of the deeper ones,
    on the level's own grid; what comes out has the teacher's channels and grid (nearest neighbours) and goes to
    `hcl_loss`.

    In training mode the layers normalise by the batch, which takes more than one value per channel: a single sample
    whose level is a single position is refused. The authors weigh the loss by ``min(epoch / 20, 1)`` times a factor
    of 0.6 to 8 that depends on the pair; that is a matter of the weight of the loss, not done here.

    Args:
        student_channels: channels of the student's levels, shallow to deep; None takes them from the shapes.
        teacher_channels: channels of the teacher's levels, likewise.
        mid_channels: channels of the residual; None is the authors' choice for CIFAR-100, the student's deepest level
            and at most 512.

    Raises:
        ValueError: if the numbers of levels differ, or a shape is not the one that the layers were made for.
        RuntimeError: if it is called before it has layers.

    [0] Chen et al., Distilling Knowledge via Knowledge Review, CVPR 2021.
    """

    adapter, resize, levels = None, False, "all"

    def __init__(
        self,
        student_channels: Sequence[int] | None = None,
        teacher_channels: Sequence[int] | None = None,
        mid_channels: int | None = None,
    ):
        if mid_channels is None and student_channels is not None:
            mid_channels = min(512, student_channels[-1])
        super().__init__(
            student_channels=student_channels, teacher_channels=teacher_channels, mid_channels=mid_channels
        )

    def widths(self, student: Size | list[Size], teacher: Size | list[Size]) -> Mapping[str, Any]:
        channels = [shape[1] for shape in as_levels(student)]
        return {
            "student_channels": channels,
            "teacher_channels": [shape[1] for shape in as_levels(teacher)],
            "mid_channels": min(512, channels[-1]),
        }

    def make_layers(self, student_channels: Sequence[int], teacher_channels: Sequence[int], mid_channels: int) -> None:
        if len(student_channels) != len(teacher_channels):
            raise ValueError(
                f"expected as many teacher as student levels but found {len(teacher_channels)} and "
                f"{len(student_channels)}"
            )
        self.channels = list(zip(student_channels, teacher_channels, strict=True))
        deepest = len(self.channels) - 1
        self.fusions = nn.ModuleList(
            AttentionBasedFusion(own, mid_channels, wanted, fuse=level < deepest)
            for level, (own, wanted) in enumerate(self.channels)
        )

    @full_precision
    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
        """The loss of levels ``(B, C, H, W)``, listed shallow to deep; no gradient flows into the teacher's."""
        self.check_built()
        self._check(student, teacher)
        return hcl_loss(self.fuse(student, [level.shape[2:] for level in as_levels(teacher)]), teacher)

    def fuse(self, student: Sequence[Tensor], sizes: Sequence[Sequence[int]]) -> list[Tensor]:
        """The student's levels, shallow to deep, with the teacher's channels, on grids of these heights and widths."""
        outputs: list[Tensor] = []
        residual = None
        for fusion, feature, size in reversed(list(zip(self.fusions, as_levels(student), sizes, strict=True))):
            output, residual = fusion(feature, residual, size)
            outputs.append(output)
        return outputs[::-1]

    def _check(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> None:
        pairs = _pairs(student, teacher)
        if len(pairs) != len(self.channels):
            raise ValueError(f"expected {len(self.channels)} levels but found {len(pairs)}")
        batch: dict[str, int] = {}
        for (own, wanted), (s, t, place) in zip(self.channels, pairs, strict=True):
            found = check_shape(f"student map{place}", s, "B C H W", {**batch, "C": own})
            batch = {"B": found["B"]}
            grid = check_shape(f"teacher map{place}", t, "B C H W", {**batch, "C": wanted})
            if self.training:
                positions = min(found["H"] * found["W"], grid["H"] * grid["W"])
                check_normalised(found["B"], positions, place.strip())
