"""Distillation under masks that student and teacher make together (ACAM-KD)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.losses.base import ShapedLoss, full_precision
from common.losses.checks import check_shape
from common.losses.masks import DICE_FORMS, NORMS, dice_diversity_loss, masked_feature_loss

QUERIES = ("teacher", "student")
ATTENTIONS = ("exact", "chunked", "pooled")
DIVERSE = ("both", "spatial", "channel")


class STCAFF(nn.Module):
    r"""Student-teacher cross-attention feature fusion of ACAM-KD [0].

    With queries from the teacher's map, keys and values from the student's, each by a 1x1 convolution,

    .. math:: Q = W_q F_t,\; K = W_k F_s,\; V = W_v F_s, \qquad
        F = V \, \sigma\big(Q^\top K / \sqrt{C_q}\big)^\top, \qquad C_q = C / r

    with the softmax over the student's positions; one head, no position code, no residual. A reconstruction: the
    paper's text was not at hand, and this rests on notes about it that agree; that the projections are convolutions
    with a bias is ours.

    Args:
        channels: channels C of both maps.
        reduction: r of the width of queries and keys.
        query: whose map asks, ``'teacher'`` (the paper's; 41.2 AP in its ablation) or ``'student'`` (41.0), which
            then asks the teacher's.
        attention: ``'exact'`` writes out the scores of all pairs of positions, ``B (H W)²`` numbers several times over:
            1.1 GB an image each for the 100 x 168 positions of a detector's finest level. ``'chunked'`` is the
            same attention by PyTorch's fused kernels, in memory that grows with H W; where a device has none,
            PyTorch itself writes the scores out. ``'pooled'`` is an approximation: keys and values are of the
            student's map averaged over squares, as small ones as give at most ``max_keys``.
        max_keys: the most keys of ``'pooled'``.

    Raises:
        ValueError: for an unknown query or attention, widths below 1, or maps that do not fit each other or it.

    [0] Lan and Tian, ACAM-KD: Adaptive and Cooperative Attention Masking for Knowledge Distillation, ICCV 2025.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        query: str = "teacher",
        attention: str = "chunked",
        max_keys: int = 1024,
    ):
        super().__init__()
        check_fusion(query, attention, max_keys, reduction)
        if channels < reduction:
            raise ValueError(
                f"expected at least {reduction} channels for a reduction of {reduction} but found {channels}"
            )
        self.channels, self.query, self.attention, self.max_keys = channels, query, attention, max_keys
        self.queries = nn.Conv2d(channels, channels // reduction, 1)
        self.keys = nn.Conv2d(channels, channels // reduction, 1)
        self.values = nn.Conv2d(channels, channels, 1)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """The fused map ``(B, C, H, W)`` of maps of that shape."""
        sizes = check_shape("student map", student, "B C H W", {"C": self.channels})
        check_shape("teacher map", teacher, "B C H W", sizes)
        asking, asked = (teacher, student) if self.query == "teacher" else (student, teacher)
        if self.attention == "pooled":
            asked = _pool(asked, self.max_keys)
        queries, keys, values = (
            layer(of).flatten(2).mT for layer, of in ((self.queries, asking), (self.keys, asked), (self.values, asked))
        )
        attend = fused_attention if self.attention == "chunked" else exact_attention
        return attend(queries, keys, values).mT.unflatten(2, tuple(student.shape[2:]))

    def extra_repr(self) -> str:
        return f"query={self.query!r}, attention={self.attention!r}, max_keys={self.max_keys}"


def check_fusion(query: str, attention: str, max_keys: int, reduction: int) -> None:
    """Refuse what `STCAFF` does not know with a ValueError."""
    if query not in QUERIES:
        raise ValueError(f"expected query to be one of {QUERIES} but found {query!r}")
    if attention not in ATTENTIONS:
        raise ValueError(f"expected attention to be one of {ATTENTIONS} but found {attention!r}")
    if max_keys < 1 or reduction < 1:
        raise ValueError(f"expected max_keys and reduction of at least 1 but found {max_keys} and {reduction}")


def exact_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Scaled dot-product attention, ``(B, N, E), (B, L, E), (B, L, C) -> (B, N, C)``, with all scores in memory."""
    return (queries @ keys.mT / math.sqrt(keys.shape[2])).softmax(dim=2) @ values


def fused_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """`exact_attention` in memory that grows with N + L, forward and backward, where PyTorch has a fused kernel.

    Those kernels want one width and heads; zeros fill queries and keys up to the values' width, which changes no score.
    """
    scale = 1 / math.sqrt(keys.shape[2])
    width = max(keys.shape[2], values.shape[2])
    padded = [F.pad(each, (0, width - each.shape[2])).contiguous()[:, None] for each in (queries, keys, values)]
    return F.scaled_dot_product_attention(*padded, scale=scale)[:, 0, :, : values.shape[2]]


def _pool(features: Tensor, most: int) -> Tensor:
    """A map averaged over equal squares, the smallest with which at most that many positions are left."""
    height, width = features.shape[2:]
    side = max(1, math.isqrt(height * width // most))
    while math.ceil(height / side) * math.ceil(width / side) > most:
        side += 1
    return F.avg_pool2d(features, side, ceil_mode=True, count_include_pad=False) if side > 1 else features


class Masks(NamedTuple):
    """Masks in 0..1 that `ASCM` makes of a fused map ``(B, C, H, W)``.

    Attributes:
        channel: ``(B, M, C)``.
        spatial: ``(B, M, H, W)``.
    """

    channel: Tensor
    spatial: Tensor


class ASCM(nn.Module):
    r"""Adaptive spatial-channel masking of ACAM-KD [0]: learned selection units make masks of a fused map F.

    .. math:: M^c = \sigma\big(m_c \cdot \mathrm{mean}_{hw} F\big), \quad m_c \in \mathbb{R}^{M \times 1}, \qquad
        M^s = \sigma(m_s F), \quad m_s \in \mathbb{R}^{M \times C}

    Args:
        channels: channels C of the map.
        num_masks: number M of units of each kind; the paper's is 6 for detection, and the number of classes, 19, for
            Cityscapes.

    The units start as normal numbers of standard deviation 0.01, as the tokens of MasKD do: the notes on the paper do
    not tell.

    [0] Lan and Tian, ACAM-KD: Adaptive and Cooperative Attention Masking for Knowledge Distillation, ICCV 2025.
    """

    def __init__(self, channels: int, num_masks: int = 6):
        super().__init__()
        if num_masks < 1:
            raise ValueError(f"expected at least one mask but found {num_masks}")
        self.channel_units = nn.Parameter(0.01 * torch.randn(num_masks, 1))
        self.spatial_units = nn.Parameter(0.01 * torch.randn(num_masks, channels))

    def forward(self, fused: Tensor) -> Masks:
        """The masks of a map ``(B, C, H, W)``."""
        channel = self.channel_units * fused.mean((2, 3))[:, None]
        spatial = torch.einsum("mc,bchw->bmhw", self.spatial_units, fused)
        return Masks(channel.sigmoid(), spatial.sigmoid())


class ACAMLoss(ShapedLoss):
    r"""ACAM-KD [0]: the teacher's map under masks of a fusion of both maps, which learn along with the student.

    .. math:: \alpha (L_c + L_s) + \lambda L_{div}

    with `masked_feature_loss` under the channel masks and under the spatial masks of `ASCM`, on what `STCAFF` fuses,
    and `dice_diversity_loss` of the masks. For a pyramid there is one module a level. Where channels differ, a 1x1
    convolution brings the student's to the teacher's before all of it.

    A reconstruction: the paper's text was not at hand. Notes on it agree on the formulas, but for these choices,
    each an argument: that squares are divided by the sum of the mask (as MasKD's code does; as typeset they would be
    multiplied, and no masks at all were best), the form of the Dice term and that it is of both kinds of masks.
    The notes quote the paper that masks adjust by the losses, so gradients flow into them.

    Args:
        channels: channels of the teacher's map; taken from the shapes where left out.
        num_masks: M of `ASCM`.
        alpha: weight of both feature terms.
        diversity_weight: weight lambda of the Dice term.
        reduction: of `STCAFF`.
        query: of `STCAFF`.
        attention: of `STCAFF`.
        max_keys: of `STCAFF`.
        normalize: ``'mask'``, ``'positions'`` or ``'typeset'``, see `masked_feature_loss`.
        dice: ``'pairs'`` or ``'literal'``, see `dice_diversity_loss`.
        diverse: the masks of the Dice term, ``'both'`` (summed), ``'spatial'`` or ``'channel'``.
        detach_masks: keep the feature terms from the masks, which then learn from the Dice term alone.
        detach_student: keep gradients of the masks from the student: it then learns from the squares alone.

    After a call ``logged`` holds the means of both kinds of masks: masks that drift to 0 look away from errors.
    ``masks`` holds the masks of that call without gradient, for pictures.

    Raises:
        ValueError: for unknown choices, and shapes that differ or are not those of the layers.
        RuntimeError: if it is called before it has layers.

    [0] Lan and Tian, ACAM-KD: Adaptive and Cooperative Attention Masking for Knowledge Distillation, ICCV 2025.
    """

    adapter = "auto"

    def __init__(
        self,
        channels: int | None = None,
        num_masks: int = 6,
        alpha: float = 1.0,
        diversity_weight: float = 1.0,
        reduction: int = 2,
        query: str = "teacher",
        attention: str = "chunked",
        max_keys: int = 1024,
        normalize: str = "mask",
        dice: str = "pairs",
        diverse: str = "both",
        detach_masks: bool = False,
        detach_student: bool = False,
    ):
        check_fusion(query, attention, max_keys, reduction)
        for name, value, known in (
            ("normalize", normalize, NORMS),
            ("dice", dice, DICE_FORMS),
            ("diverse", diverse, DIVERSE),
        ):
            if value not in known:
                raise ValueError(f"expected {name} to be one of {known} but found {value!r}")
        self._fusion = {"reduction": reduction, "query": query, "attention": attention, "max_keys": max_keys}
        self.num_masks, self.alpha, self.diversity_weight = num_masks, alpha, diversity_weight
        self.normalize, self.dice, self.diverse = normalize, dice, diverse
        self.detach_masks, self.detach_student = detach_masks, detach_student
        self.masks: Masks | None = None
        self.logged: dict[str, Tensor] = {}
        super().__init__(channels=channels)

    def widths(self, student: Size, teacher: Size) -> Mapping[str, Any]:
        return {"channels": teacher[1]}

    def make_layers(self, channels: int) -> None:
        self.fusion = STCAFF(channels, **self._fusion)
        self.masking = ASCM(channels, self.num_masks)

    @full_precision
    def forward(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """``loss_channel``, ``loss_spatial`` and ``loss_diversity``, weighted scalars.

        Args:
            student: map ``(B, C, H, W)`` with the teacher's channels.
            teacher: map of that shape; no gradient flows into it.
        """
        self.check_built()
        teacher = teacher.detach()
        masks = self.masking(self.fusion(student.detach() if self.detach_student else student, teacher))
        under = Masks(*(each.detach() for each in masks)) if self.detach_masks else masks
        channel, spatial = (
            self.alpha * masked_feature_loss(student, teacher, each, normalize=self.normalize) for each in under
        )
        chosen = masks if self.diverse == "both" else (getattr(masks, self.diverse),)
        diversity = sum(dice_diversity_loss(each, self.dice) for each in chosen)
        self.masks = Masks(*(each.detach() for each in masks))
        self.logged = {f"{kind}_mask": each.mean() for kind, each in self.masks._asdict().items()}
        return {"loss_channel": channel, "loss_spatial": spatial, "loss_diversity": self.diversity_weight * diversity}

    def extra_repr(self) -> str:
        return (
            f"num_masks={self.num_masks}, alpha={self.alpha}, diversity_weight={self.diversity_weight}, "
            f"normalize={self.normalize!r}, dice={self.dice!r}, diverse={self.diverse!r}, "
            f"detach_masks={self.detach_masks}, detach_student={self.detach_student}"
        )
