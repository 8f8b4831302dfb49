"""Temporal consistency of the label maps of a video."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from tasks.seg.label_scores import area_iou, mean_of_numbers
from tasks.seg.temporal.warping import check_finite_flow, warp

WARPING = ("nearest", "bilinear")


def temporal_consistency(
    pred_t: Any,
    pred_next: Any,
    flow: Any,
    num_classes: int,
    warping: str = "nearest",
    absent_as_zero: bool = False,
    visible: Any = None,
    ignore_index: int = 255,
) -> float:
    r"""TC of ETC [0]: mean IoU of each frame's labels and the next frame's, warped to it along the flow.

    .. math::
        \mathrm{TC} = \frac{1}{|P|} \sum_{c \in P}
        \frac{\sum_t |\{y_t = c\} \cap \{\hat y_{t+1} = c\}|}{\sum_t |\{y_t = c\} \cup \{\hat y_{t+1} = c\}|},
        \qquad \hat y_{t+1}(p) = y_{t+1}(p + f_t(p))

    Areas are summed over all pairs before they are divided. It asks for no ground truth: labels that are wrong alike in
    every frame are consistent.

    The code of [0] warps the label numbers bilinearly and cuts them to whole ones, which makes classes that neither
    frame has at edges and, by rounding, now and then inside regions, and counts classes that are nowhere as 0; for its
    numbers set ``warping='bilinear', absent_as_zero=True``. By default labels are those of the nearest pixel, and P
    holds the classes that occur. Pixels whose flow leaves the frame are compared with its border, as in [0], unless
    ``visible`` leaves them out.

    Args:
        pred_t: integer labels ``0..C-1`` of frame t, ``[H, W]``, or of T frames, ``[T, H, W]``; array or tensor.
        pred_next: those of the frame after each, same shape.
        flow: from t to the next frame, (u right, v down) in pixels, ``[2, H, W]`` or ``[T, 2, H, W]``.
        num_classes: number of classes C.
        warping: ``'nearest'``, or ``'bilinear'`` as in [0].
        absent_as_zero: count classes that are in no frame as 0, as in [0].
        visible: boolean, shape of ``pred_t``: the pixels to compare, such as those that `visible_pixels` finds; there
            alone the flow must be finite. None compares all.
        ignore_index: a label of either frame that leaves a pixel out.

    Returns:
        A fraction; NaN where there is nothing to compare.

    Raises:
        ValueError: if shapes, labels, flow or an option do not fit.

    >>> labels = np.array([[0, 0, 1, 1]])
    >>> temporal_consistency(labels, labels, np.zeros((2, 1, 4), np.float32), num_classes=3)
    1.0

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020.
    """
    areas = consistency_areas(pred_t, pred_next, flow, num_classes, warping, visible, ignore_index)
    return mean_consistency(areas, absent_as_zero)


def mean_consistency(areas: np.ndarray, absent_as_zero: bool = False) -> float:
    """TC from summed areas ``(3, C)`` of `consistency_areas`; see `temporal_consistency`."""
    iou = area_iou(areas)
    return float(np.nan_to_num(iou).mean()) if absent_as_zero else mean_of_numbers(iou)


def consistency_areas(
    pred_t: Any,
    pred_next: Any,
    flow: Any,
    num_classes: int,
    warping: str = "nearest",
    visible: Any = None,
    ignore_index: int = 255,
) -> np.ndarray:
    """What TC is made of, to be summed over any number of pairs of frames; arguments as `temporal_consistency`.

    Returns:
        int64, shape ``(3, C)``: pixels of each class in both frames, in frame t, and in the next frame warped to it.
    """
    if warping not in WARPING:
        raise ValueError(f"expected warping to be one of {WARPING} but found {warping!r}")
    areas = np.zeros((3, num_classes), np.int64)
    for labels, following, motion, seen in _pairs(pred_t, pred_next, flow, visible):
        warp_labels = _cut_bilinear if warping == "bilinear" else _nearest
        warped, known = warp_labels(following, motion, seen, ignore_index)
        counts = known & seen & (labels != ignore_index)
        here, there = labels[counts], warped[counts]
        for name, found in (("pred_t", here), ("pred_next", there)):
            _check_range(name, found, num_classes)
        for row, pixels in enumerate((here[here == there], here, there)):
            areas[row] += np.bincount(pixels, minlength=num_classes)
    return areas


def _pairs(pred_t: Any, pred_next: Any, flow: Any, visible: Any) -> Iterator[tuple[np.ndarray, ...]]:
    """Labels, next labels, flow and mask of each pair of frames, checked."""
    labels, following, motion = (_array(each) for each in (pred_t, pred_next, flow))
    for name, each in (("pred_t", labels), ("pred_next", following)):
        if not np.issubdtype(each.dtype, np.integer):
            raise ValueError(f"expected integer labels as {name} but found {each.dtype}")
    if labels.ndim not in (2, 3) or labels.shape != following.shape:
        raise ValueError(
            "expected pred_t and pred_next of one shape [H, W] or [T, H, W] but found "
            f"{labels.shape} and {following.shape}"
        )
    wanted = (*labels.shape[:-2], 2, *labels.shape[-2:])
    if motion.shape != wanted or not np.issubdtype(motion.dtype, np.floating):
        raise ValueError(f"expected floating-point flow of shape {wanted} but found {motion.dtype} of {motion.shape}")
    seen = np.ones(labels.shape, bool) if visible is None else _array(visible)
    if seen.shape != labels.shape or seen.dtype != bool:
        raise ValueError(f"expected boolean visible of shape {labels.shape} but found {seen.dtype} of {seen.shape}")
    if labels.ndim == 2:
        labels, following, motion, seen = (each[None] for each in (labels, following, motion, seen))
    return zip(labels, following, motion, seen, strict=True)


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _check_range(name: str, labels: np.ndarray, num_classes: int) -> None:
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        found = np.unique(labels[wrong]).tolist()
        raise ValueError(f"expected labels 0..{num_classes - 1} in {name} but found {found}")


def _nearest(labels: np.ndarray, flow: np.ndarray, seen: np.ndarray, ignore_index: int) -> tuple[np.ndarray, ...]:
    """The next frame's labels at the nearest pixel, and where they are one."""
    motion = torch.from_numpy(np.where(seen, flow, 0))
    warped = warp(torch.from_numpy(labels.astype(np.int64))[None, None], motion[None], mode="nearest")[0, 0].numpy()
    return warped, warped != ignore_index


def _cut_bilinear(labels: np.ndarray, flow: np.ndarray, seen: np.ndarray, ignore_index: int) -> tuple[np.ndarray, ...]:
    """The next frame's labels as ETC's code finds them, down to the rounding of its kernel in float32.

    The kernel takes three of the four weights in double precision and the last in single, and adds in single.
    """
    flow = np.where(seen, flow, 0).astype(np.float32)
    check_finite_flow(torch.from_numpy(flow)[None])
    height, width = labels.shape
    column = np.arange(width, dtype=np.float32) + flow[0]
    row = np.arange(height, dtype=np.float32)[:, None] + flow[1]
    right, down = column - np.floor(column), row - np.floor(row)
    left, above = 1.0 - right.astype(np.float64), 1.0 - down.astype(np.float64)
    corners = ((0, 0, left * above), (0, 1, right * above), (1, 0, left * down), (1, 1, right * down))
    total = np.zeros(labels.shape, np.float32)
    known = np.ones(labels.shape, bool)
    for lower, further, weight in corners:
        y = np.clip(np.floor(row) + lower, 0, height - 1).astype(np.int64)
        x = np.clip(np.floor(column) + further, 0, width - 1).astype(np.int64)
        corner = labels[y, x]
        total += (weight * corner.astype(np.float32)).astype(np.float32)
        known &= corner != ignore_index
    return total.astype(np.int64), known


def visible_pixels(flow: Any, backward: Any = None, relative: float = 0.01, absolute: float = 0.5) -> np.ndarray:
    r"""Which pixels the next frame shows as well: their flow ends inside it and, if asked, leads back.

    .. math:: |f(p) + b(p + f(p))|^2 < \mathrm{relative} \cdot \big(|f(p)|^2 + |b(p + f(p))|^2\big) + \mathrm{absolute}

    is the check of [0] with the flow b from the next frame to this one.

    Args:
        flow: from a frame to the next, ``[2, H, W]`` or ``[T, 2, H, W]``; array or tensor. A pixel where it is not
            finite is not visible.
        backward: from the next frame back, same shape; None looks at the frame's border alone.
        relative: share of the squared lengths, [0].
        absolute: in square pixels, [0].

    Returns:
        Boolean, ``[H, W]`` or ``[T, H, W]``.

    Raises:
        ValueError: if the shapes do not fit.

    >>> visible_pixels(np.array([[[0.0, 1.0, 1.0]], [[0.0, 0.0, 0.0]]])).tolist()
    [[True, True, False]]

    [0] Sundaram, Brox and Keutzer, Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow,
    ECCV 2010.
    """
    flow = torch.as_tensor(_array(flow))
    if flow.dim() not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(f"expected flow of shape [2, H, W] or [T, 2, H, W] but found {tuple(flow.shape)}")
    found = torch.isfinite(flow).all(dim=-3)
    flow = torch.where(found.unsqueeze(-3), flow, 0)
    height, width = flow.shape[-2:]
    column = torch.arange(width, dtype=flow.dtype) + flow[..., 0, :, :]
    row = torch.arange(height, dtype=flow.dtype)[:, None] + flow[..., 1, :, :]
    found &= (column >= 0) & (column <= width - 1) & (row >= 0) & (row <= height - 1)
    if backward is None:
        return found.numpy()
    backward = torch.as_tensor(_array(backward)).to(flow.dtype)
    if backward.shape != flow.shape:
        raise ValueError(f"expected backward flow of shape {tuple(flow.shape)} but found {tuple(backward.shape)}")
    pairs, returns = flow.reshape(-1, 2, height, width), backward.reshape(-1, 2, height, width)
    unknown = ~torch.isfinite(returns).all(dim=1, keepdim=True)
    back = warp(torch.where(unknown, 0, returns), pairs).view_as(flow)
    found &= (warp(unknown.to(flow.dtype), pairs) == 0).view_as(found)
    missed = (flow + back).square().sum(dim=-3)
    allowed = relative * (flow.square().sum(dim=-3) + back.square().sum(dim=-3)) + absolute
    return (found & (missed < allowed)).numpy()
