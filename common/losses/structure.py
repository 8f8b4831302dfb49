"""Distillation of how the positions of a map relate to each other."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_labels, check_shape, drop_channel_axis
from common.losses.chunks import automatic_chunk, sum_over_rows


def unit_vectors(features: Tensor, dim: int, eps: float = 1e-12, detach_norm: bool = False) -> Tensor:
    """Vectors along ``dim`` divided by their length plus ``eps``.

    A vector of zeros, as ReLU makes them, stays zero and gets no gradient: its direction has none, and 1 / ``eps``
    would be one that no other part of a network's gradient could balance.
    """
    norm = torch.linalg.vector_norm(features, dim=dim, keepdim=True)
    if detach_norm:
        norm = norm.detach()
    return features / (norm + eps).masked_fill(norm == 0, math.inf)


def floor_labels(target: Tensor, batch: int, size: tuple[int, int]) -> Tensor:
    """Labels ``(B, h, w)`` on a grid of ``size``, each read at the upper left of its cell.

    This is the "nearest" of the authors' code; `kd_loss` reads cell centres instead.
    """
    target = drop_channel_axis(target, spatial=2)
    if len(target) != batch:
        raise ValueError(f"expected labels for a batch of {batch} but found {len(target)}")
    if target.shape[1:] != size:
        target = F.interpolate(target[:, None].float(), size, mode="nearest")[:, 0]
    return target.long()


@loss_function(resize=False)
def skd_pairwise_loss(
    student: Tensor,
    teacher: Tensor,
    scale: float = 0.5,
    chunk_size: int | None = None,
    kernel: int | None = None,
    detach_norm: bool = True,
) -> Tensor:
    r"""Pair-wise distillation of SKDS [0]: how alike the cells of a map are to one another.

    Maps are max-pooled to N cells f; the affinity of two cells is the cosine between them.

    .. math::
        \frac{1}{B N^2} \sum_b \sum_{i,j=1}^{N} \big(a^t_{bij} - a^s_{bij}\big)^2, \qquad
        a_{ij} = \frac{f_i^\top f_j}{(|f_i| + 10^{-8}) (|f_j| + 10^{-8})}

    Only affinities are compared, so that the widths may differ, and the grids as far as pooling brings them to the
    same cells. The authors hold the norms constant in the gradient, which therefore is not the derivative of the
    value; ``detach_norm=False`` differentiates them. CIRKD's version does so and pools 2x2 (``kernel=2``): the same
    sum over many more cells.

    Args:
        student: feature map, shape ``(B, C, H, W)``.
        teacher: feature map, shape ``(B, C', H', W')``; no gradient flows into it.
        scale: side of the pooling kernel and stride as a share of the map's side, rounded down; a rest at the
            border makes a cell of its own. The authors' 0.5 gives 2x2 cells, or 3x3 for odd sides.
        chunk_size: rows of the N x N affinities that are in memory at once, forward and backward; the result is
            the same. None takes as many as make 2^22 numbers.
        kernel: side of the kernel in positions, instead of ``scale``.
        detach_norm: hold the norms constant in the gradient, as the authors do.

    Returns:
        Scalar, 0 where the affinities agree.

    Raises:
        ValueError: if the batches or the grids of cells differ, or an option is out of its range.

    >>> import torch
    >>> student = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # two cells at a right angle
    >>> skd_pairwise_loss(student, torch.ones(1, 3, 1, 2))  # two that are equal: 2 of 4 affinities are 1 apart
    tensor(0.5000)

    [0] Liu et al., Structured Knowledge Distillation for Semantic Segmentation, CVPR 2019.
    """
    sizes = check_shape("student map", student, "B C H W")
    check_shape("teacher map", teacher, "B C' H' W'", {"B": sizes["B"]})
    student, teacher = (_pool_cells(each, scale, kernel) for each in (student, teacher.detach()))
    if student.shape[2:] != teacher.shape[2:]:
        raise ValueError(
            f"expected teacher cells of shape {tuple(student.shape[2:])}, as the student's after pooling, but found "
            f"{tuple(teacher.shape[2:])}; resize one of the maps"
        )
    student, teacher = (unit_vectors(each.flatten(2), 1, 1e-8, detach_norm).mT for each in (student, teacher))
    batch, cells, _ = student.shape
    rows = automatic_chunk(batch * cells) if chunk_size is None else chunk_size
    return sum_over_rows(_affinity_error, rows, (student, teacher), student.mT, teacher.mT) / (batch * cells**2)


def _pool_cells(features: Tensor, scale: float, kernel: int | None) -> Tensor:
    if kernel is None and not 0 < scale <= 1:
        raise ValueError(f"expected a scale above 0 and at most 1 but found {scale}")
    if kernel is not None and kernel < 1:
        raise ValueError(f"expected a kernel of at least 1 but found {kernel}")
    sides = [kernel or max(1, int(scale * side)) for side in features.shape[2:]]
    return _ContiguousGradient.apply(F.max_pool2d(features, sides, ceil_mode=True))


class _ContiguousGradient(torch.autograd.Function):
    """The same, with a gradient in row-major order: for a transposed one torch's max pooling copies the whole map."""

    @staticmethod
    def forward(ctx: Any, cells: Tensor) -> Tensor:
        return cells.view_as(cells)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return upstream.contiguous()


def _affinity_error(student: Tensor, teacher: Tensor, all_student: Tensor, all_teacher: Tensor) -> Tensor:
    # Gram matrices over channels give this sum without N x N, but cancel where the two agree.
    return (student @ all_student - teacher @ all_teacher).square().sum()


@loss_function()
def ifvd_loss(
    student: Tensor, teacher: Tensor, target: Tensor, ignore_index: int = 255, num_classes: int = 256
) -> Tensor:
    r"""Intra-class feature variation distillation [0]: how alike each position is to the mean of its class.

    .. math::
        \frac{1}{B H W} \sum_{b,i} \big(m^s_{bi} - m^t_{bi}\big)^2, \qquad
        m_{bi} = \cos\Big(f_{bi}, \frac{1}{|S|} \sum_{j \in S} f_{bj}\Big), \;
        S = \{j : y_{bj} = y_{bi}\}

    The means are taken within an image and are differentiated. Ignored positions have m = 1 and count in the
    divisor, as in the authors' code.

    Args:
        student: feature map, shape ``(B, C, H, W)``.
        teacher: feature map, shape ``(B, C', H, W)``; no gradient flows into it.
        target: integer labels, shape ``(B, *, *)`` or ``(B, 1, *, *)`` of any size, read at the upper left of each
            feature cell.
        ignore_index: the label of ignored pixels.
        num_classes: more than the largest label; 256 holds those of any 8-bit label image, and more than is needed
            costs only ``B * num_classes * C`` numbers.

    Returns:
        Scalar, 0 where the similarities agree, as they do up to a factor per image.

    Raises:
        ValueError: if batches or grids differ, or a label is out of range (looked at on the CPU only).

    >>> import torch
    >>> student = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # at 45 degrees to their mean
    >>> ifvd_loss(student, torch.ones(1, 3, 1, 2), torch.zeros(1, 1, 2, dtype=torch.long))  # (1 - cos 45)^2
    tensor(0.0858)

    [0] Wang et al., Intra-class Feature Variation Distillation for Semantic Segmentation, ECCV 2020.
    """
    sizes = check_shape("student map", student, "B C H W")
    check_shape("teacher map", teacher, "B C' H W", {name: sizes[name] for name in "BHW"})
    labels = floor_labels(target, sizes["B"], student.shape[2:]).flatten(1)
    check_labels(labels, num_classes, ignore_index)
    known = (labels >= 0) & (labels < num_classes) & (labels != ignore_index)
    labels = torch.where(known, labels, num_classes)
    variation = [_class_similarity(each.flatten(2).mT, labels, num_classes + 1) for each in (student, teacher.detach())]
    return ((variation[0] - variation[1]) * known).square().mean()


def class_sums(features: Tensor, labels: Tensor, bins: int) -> Tensor:
    """Sums ``(B, bins, C)`` of the features ``(B, N, C)`` of each label, out of ``(B, N)``, in each image."""
    batch, _, channels = features.shape
    place = labels + bins * torch.arange(batch, device=labels.device)[:, None]
    sums = features.new_zeros(batch * bins, channels).index_add(0, place.flatten(), features.flatten(0, 1))
    return sums.view(batch, bins, channels)


def _class_similarity(features: Tensor, labels: Tensor, bins: int) -> Tensor:
    """Cosine of each feature ``(B, N, C)`` and the mean of its label ``(B, N)`` in the image, ``(B, N)``."""
    # The sum does for the mean: a cosine does not see by what it is divided.
    centres = unit_vectors(class_sums(features, labels, bins), 2)
    own = centres.gather(1, labels[:, :, None].expand_as(features))
    return (unit_vectors(features, 2) * own).sum(dim=2)


class SKDPairwiseLoss(FunctionLoss, function=skd_pairwise_loss):
    """Module over `skd_pairwise_loss`; ``forward(student, teacher)``."""


class IFVDLoss(FunctionLoss, function=ifvd_loss):
    """Module over `ifvd_loss`; ``forward(student, teacher, target)``."""
