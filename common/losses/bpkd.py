"""Distillation of boundaries and bodies of classes apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_labels, check_shape, check_temperature, drop_channel_axis

# A set of classes is kept as the bits of int32 words, whose sign bit stays free.
CLASSES_PER_WORD = 31
NORMALIZE = ("per_class", "global")


@torch.no_grad()
def bpkd_edge_masks(
    target: Tensor,
    num_classes: int,
    size: tuple[int, int],
    width: int = 7,
    ignore_index: int = 255,
    void_edges: bool = False,
) -> tuple[Tensor, Tensor]:
    """Soft edge mask of each class on the logit grid: the share of edge pixels in each cell [0].

    A pixel is an edge of class c where its ``width`` x ``width`` neighbourhood holds both c and something else,
    which is the dilation of the class minus its erosion. A straight border between two classes thus gives a band
    of ``width - 1`` pixels, half on either side, in the masks of both. The image frame makes no edge.

    Ignored pixels are never edge pixels. Whether they are "something else" to the pixels around them is
    ``void_edges``: False (the default) draws edges between labelled classes only; True also draws one
    along every ignored region, as some re-implementations do. In both, a cell that is partly ignored is scaled by
    its labelled share.

    Args:
        target: integer labels, shape ``(B, H, W)`` or ``(B, 1, H, W)``.
        num_classes: number of classes C. On the CPU a label outside ``0..C-1`` is an error; elsewhere, where
            looking would stall the queue, it counts as ignored.
        size: logit grid ``(h, w)``; adaptive average pooling, so that any label size will do.
        width: side of the neighbourhood in label pixels, odd.
        ignore_index: the label of ignored pixels.
        void_edges: whether the border of an ignored region is an edge.

    Returns:
        ``edge``, shape ``(B, C, h, w)``, and ``valid``, the labelled share of each cell, shape ``(B, 1, h, w)``;
        float32 within 0..1.

    Raises:
        ValueError: if the target is not integer or has another number of axes, a label is out of range, or the
            width is not odd.

    >>> pixel = torch.zeros(1, 5, 5, dtype=torch.long)
    >>> pixel[0, 2, 2] = 1
    >>> edge, valid = bpkd_edge_masks(pixel, num_classes=2, size=(5, 5), width=3)
    >>> edge.sum(dim=(2, 3))
    tensor([[9., 9.]])

    [0] Liu et al., BPKD: Boundary Privileged Knowledge Distillation for Semantic Segmentation, WACV 2024.
    """
    if width < 1 or width % 2 == 0:
        raise ValueError(f"expected an odd edge width of at least 1 but found {width}")
    target = drop_channel_axis(target, spatial=2)
    labelled = (target >= 0) & (target < num_classes) & (target != ignore_index)
    check_labels(target, num_classes, ignore_index)
    # With void_edges, void is one more class in the neighbourhoods, which gets no mask of its own.
    labels = torch.where(labelled, target, num_classes if void_edges else -1)
    nearby = _classes_nearby(labels, num_classes + void_edges, width)
    edge_pixels = _several_classes(nearby) & labelled
    nearby = [torch.where(edge_pixels, word, 0) for word in nearby]

    valid = F.adaptive_avg_pool2d(labelled[:, None].float(), size)
    edge = valid.new_empty(len(target), num_classes, *size)
    for c in range(num_classes):
        word, bit = divmod(c, CLASSES_PER_WORD)
        plane = ((nearby[word] >> bit) & 1).float()
        edge[:, c] = F.adaptive_avg_pool2d(plane[:, None], size)[:, 0]
    return edge.mul_(valid), valid


def _classes_nearby(labels: Tensor, count: int, width: int) -> list[Tensor]:
    """Set of the classes in the ``width`` x ``width`` neighbourhood of each pixel, as bits of int32 words.

    One OR filter of a few shifts serves 31 classes at once; a max pooling of one-hot maps costs thirty times that.
    """
    words = []
    for first in range(0, count, CLASSES_PER_WORD):
        here = (labels >= first) & (labels < first + CLASSES_PER_WORD)
        bit = torch.where(here, labels - first, 0).int()
        own = here.int() << bit
        words.append(_or_filter(_or_filter(own, -1, width), -2, width))
    return words


def _or_filter(words: Tensor, dim: int, width: int) -> Tensor:
    """Bitwise OR over a centred window of odd ``width`` along ``dim``; nothing lies beyond the frame."""
    margin = width // 2
    words = F.pad(words, (margin, margin) if dim == -1 else (0, 0, margin, margin))
    span = 1
    while span < width:
        step = min(span, width - span)
        length = words.shape[dim] - step
        words = words.narrow(dim, 0, length) | words.narrow(dim, step, length)
        span += step
    return words


def _several_classes(words: list[Tensor]) -> Tensor:
    """Where the sets hold at least two classes."""
    several = torch.zeros_like(words[0], dtype=torch.bool)
    some = several.clone()
    for word in words:
        here = word != 0
        several |= ((word & (word - 1)) != 0) | (some & here)
        some |= here
    return several


@loss_function()
def bpkd_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    body_weight: float = 20.0,
    edge_weight: float = 50.0,
    alpha: float | Sequence[float] | Tensor = 2.0,
    temperature: float = 1.0,
    width: int = 7,
    pre_mask: bool = True,
    post_mask: bool = True,
    normalize: str = "per_class",
    exclude_edge_from_body: bool = False,
    ignore_index: int = 255,
    void_edges: bool = False,
) -> dict[str, Tensor]:
    r"""Boundary-privileged distillation [0]: class scores at edges, channel-wise attention on bodies.

    With the soft edge masks M of `bpkd_edge_masks` and the labelled share V of each cell, the logits are split
    into :math:`z^E = z M` and :math:`z^B = z (1 - M) V`, for student and teacher alike.

    .. math::
        \varphi_{bi} &= T^2\, \mathrm{KL}\big(\sigma_c(t^E_{bi}/T) \,\|\, \sigma_c(s^E_{bi}/T)\big) \\
        L_E &= \frac{1}{B} \sum_{b,c} \frac{\alpha_c}{n_{bc}} \sum_i \varphi_{bi} M_{bci}, \qquad
        n_{bc} = \#\{i : M_{bci} > 0\} \\
        L_B &= \frac{T^2}{B C} \sum_{b,c}
        \mathrm{KL}\big(\sigma_i(t^B_{bc}/T) \,\|\, \sigma_i(s^B_{bc}/T)\big)

    Classes without an edge in an image are skipped. The authors published no code for the losses: the order of
    operations is that of their figure 3, the normalisation that on which re-implementations agree.

    Args:
        student: logits before they are upsampled, shape ``(B, C, h, w)``.
        teacher: logits ``(B, C, h', w')``, resized bilinearly to the student's grid; no gradient flows into them.
        target: integer labels, shape ``(B, H, W)`` or ``(B, 1, H, W)``, of any size.
        body_weight: weight of the body loss.
        edge_weight: weight of the edge loss.
        alpha: weight of each class at edges, one number or C of them.
        temperature: T of both softmaxes.
        width: see `bpkd_edge_masks`.
        pre_mask: split the logits before the softmax over classes; False takes them whole for the edge loss.
        post_mask: weight the edge divergence by M; False weights it by V alone, in the sum and in the divisor.
        normalize: ``'per_class'`` divides by :math:`n_{bc}` as above, ``'global'`` by :math:`\sum_c n_{bc}`.
        exclude_edge_from_body: take cells that hold any edge of a class, or no label, out of that class's softmax
            over positions. By default they stay in it, with the masked logit (0 where M is 1).
        ignore_index: the label of ignored pixels.
        void_edges: see `bpkd_edge_masks`.

    Returns:
        ``loss_body`` and ``loss_edge``, weighted scalars; both 0 where student and teacher agree.

    Raises:
        ValueError: if shapes, number of classes (at least 2) or of alphas, labels, or an option do not fit.

    >>> logits = torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]])
    >>> losses = bpkd_loss(logits, 2 * logits, torch.tensor([[[0, 1]]]), width=3)
    >>> {name: round(loss.item(), 4) for name, loss in losses.items()}
    {'loss_body': 0.0, 'loss_edge': 13.4261}

    [0] Liu et al., BPKD: Boundary Privileged Knowledge Distillation for Semantic Segmentation, WACV 2024.
    """
    check_temperature(temperature)
    if normalize not in NORMALIZE:
        raise ValueError(f"expected normalize to be one of {NORMALIZE} but found {normalize!r}")
    sizes = check_shape("student logits", student, "B C H W")
    check_shape("teacher logits", teacher, "B C H W", {"B": sizes["B"], "C": sizes["C"]})
    if sizes["C"] == 1:  # a softmax over one class is 1 whatever its score: edges would teach nothing
        raise ValueError("expected at least 2 classes but found 1")
    if len(target) != sizes["B"]:
        raise ValueError(f"expected a target for a batch of {sizes['B']} but found {tuple(target.shape)}")
    alpha = _class_weights(alpha, student)

    teacher = teacher.detach()
    if teacher.shape != student.shape:
        teacher = F.interpolate(teacher, student.shape[2:], mode="bilinear", align_corners=False)
    edge, valid = bpkd_edge_masks(target, sizes["C"], student.shape[2:], width, ignore_index, void_edges)
    edge, valid = edge.to(student.dtype), valid.to(student.dtype)

    body_share = (1 - edge) * valid
    excluded = (edge > 0) | (valid == 0) if exclude_edge_from_body else None
    body = _body_divergence(student * body_share, teacher * body_share, excluded, temperature)
    if pre_mask:
        student, teacher = student * edge, teacher * edge
    weights = _position_weights(edge, valid, alpha, post_mask, normalize)
    at_edges = _edge_divergence(student, teacher, weights, temperature)
    return {"loss_body": body_weight * body, "loss_edge": edge_weight * at_edges}


def _class_weights(alpha: float | Sequence[float] | Tensor, student: Tensor) -> float | Tensor:
    """``alpha`` as a number or as a tensor ``(C, 1, 1)``."""
    if isinstance(alpha, (int, float)):
        return alpha
    weights = torch.as_tensor(alpha, dtype=student.dtype, device=student.device)
    if weights.dim() == 0:
        return weights
    if weights.shape != student.shape[1:2]:
        raise ValueError(f"expected one alpha or {student.shape[1]}, one per class, but found {weights.numel()}")
    return weights[:, None, None]


def _body_divergence(student: Tensor, teacher: Tensor, excluded: Tensor | None, temperature: float) -> Tensor:
    """Channel-wise divergence :math:`L_B` of the body logits ``(B, C, h, w)``."""
    if excluded is not None:
        # Finite, so that a class all of whose positions are out gives a uniform softmax and 0, not NaN.
        student, teacher = student.masked_fill(excluded, -1e30), teacher.masked_fill(excluded, -1e30)
    log_q = F.log_softmax(student.flatten(2) / temperature, dim=2)
    log_p = F.log_softmax(teacher.flatten(2) / temperature, dim=2)
    return (log_p.exp() * (log_p - log_q)).sum(dim=2).mean() * temperature**2


def _position_weights(edge: Tensor, valid: Tensor, alpha: float | Tensor, post_mask: bool, normalize: str) -> Tensor:
    """What each position's divergence counts in :math:`L_E`: alpha M / n summed over classes, ``(B, h, w)``."""
    mask = edge if post_mask else valid.expand_as(edge)
    counts = (mask > 0).sum(dim=(2, 3), keepdim=True)
    if normalize == "global":
        counts = counts.sum(dim=1, keepdim=True)
    return (alpha * mask / counts.clamp(min=1)).sum(dim=1)


def _edge_divergence(student: Tensor, teacher: Tensor, weights: Tensor, temperature: float) -> Tensor:
    log_q = F.log_softmax(student / temperature, dim=1)
    log_p = F.log_softmax(teacher / temperature, dim=1)
    divergence = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    return (divergence * weights).sum() / len(weights) * temperature**2


class BPKDLoss(FunctionLoss, function=bpkd_loss):
    """Module over `bpkd_loss`; ``forward(student, teacher, target)``."""
