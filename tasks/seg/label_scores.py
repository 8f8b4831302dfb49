"""Segmentation scores of label maps, overall and near class boundaries, as functions on numpy arrays.

Label maps are integer arrays ``[H, W]`` (or stacks ``[N, H, W]`` where it says so); results are fractions.
Pixels that the ground truth ignores never count for overlap. For the two boundary measures they are taken out of
both maps, as in the published code, so an ignored region has a border that both share: it counts as a hit where
the class beside it is right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

WIDTHS = (1, 3, 5, 10, 20)
BOUNDARY_RATIO = 0.005
# 3, 5, 9 and 12 px on Cityscapes' 2048 x 1024.
F_THRESHOLDS = (0.00088, 0.001875, 0.00375, 0.005)


def confusion_matrix(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Pixels by class of the ground truth (row) and of the prediction (column), shape ``(C, C)``, int64.

    Args:
        prediction: labels ``0..C-1``, any shape; free where the target is ignored.
        target: labels ``0..C-1`` or ``ignore_index``, same shape.
        num_classes: number of classes C.
        ignore_index: the label of pixels that do not count.

    Raises:
        ValueError: if the shapes differ, or a label is out of range or not an integer.

    >>> confusion_matrix(np.array([[0, 1, 1]]), np.array([[0, 0, 255]]), num_classes=2).tolist()
    [[1, 1], [0, 0]]
    """
    prediction, target, valid = checked_labels(prediction, target, num_classes, ignore_index)
    cells = target[valid].astype(np.int64) * num_classes + prediction[valid]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, shape ``(C,)``; NaN where neither map has the class."""
    hits = np.diag(confusion)
    return ratio_or_nan(hits, confusion.sum(0) + confusion.sum(1) - hits)


def mean_iou(confusion: np.ndarray) -> float:
    """Mean of `class_iou` over the classes that either map has; NaN if there are none."""
    return mean_of_numbers(class_iou(confusion))


def mean_accuracy(confusion: np.ndarray) -> float:
    """Mean recall over the classes of the ground truth; NaN if there are none."""
    return mean_of_numbers(ratio_or_nan(np.diag(confusion), confusion.sum(1)))


def trimap_iou(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    widths: Sequence[int] = WIDTHS,
    ignore_index: int = 255,
) -> dict[int, float]:
    """Mean IoU over the pixels within ``width`` px of a class change of the ground truth [0], for each width.

    A change lies between two labelled pixels of different class that share a side; the border of an ignored region
    is none. Of a straight border, ``width`` pixels on either side are taken; elsewhere the distance is Euclidean.

    Args:
        prediction: ``[H, W]`` or a stack ``[N, H, W]`` over which areas are summed.
        target: same shape.
        num_classes: number of classes C.
        widths: widths of the band in pixels, each at least 1.
        ignore_index: the label of pixels that do not count.

    Returns:
        ``{width: mean IoU}``; NaN where there is no change at all.

    [0] Kohli, Ladicky and Torr, Robust Higher Order Potentials for Enforcing Label Consistency, IJCV 2009.
    """
    pairs = _pairs(prediction, target)
    areas = sum(trimap_areas(p, t, num_classes, widths, ignore_index) for p, t in pairs).cumsum(axis=0)
    return {width: mean_of_numbers(area_iou(areas[band])) for band, width in enumerate(sorted(widths))}


def trimap_areas(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, widths: Sequence[int], ignore_index: int = 255
) -> np.ndarray:
    """Pixels per class in the bands between successive widths of one image.

    Returns:
        int64, shape ``(len(widths) + 1, 3, C)``: bands by rising width, the last beyond all; in each the
        intersection, the predicted and the true area.
    """
    prediction, target, valid = checked_labels(prediction, target, num_classes, ignore_index)
    widths = sorted(widths)
    if widths and widths[0] < 1:
        raise ValueError(f"expected trimap widths of at least 1 px but found {widths[0]}")
    band = np.searchsorted(np.asarray(widths, np.float32), class_change_distance(target, ignore_index)[valid])
    prediction, target = prediction[valid].astype(np.int64), target[valid].astype(np.int64)
    first = band * num_classes
    cells = (len(widths) + 1) * num_classes
    hit = prediction == target
    counts = (
        np.bincount(first[hit] + target[hit], minlength=cells),
        np.bincount(first + prediction, minlength=cells),
        np.bincount(first + target, minlength=cells),
    )
    return np.stack(counts).reshape(3, len(widths) + 1, num_classes).swapaxes(0, 1)


def class_change_distance(target: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Distance in pixels to the nearest class change, float32 ``[H, W]``: 1 beside it, inf if there is none."""
    valid = target != ignore_index
    beside = np.zeros(target.shape, np.uint8)
    for here, there in (
        ((slice(None), slice(1, None)), (slice(None), slice(-1))),
        ((slice(1, None),), (slice(-1),)),
    ):
        change = (target[here] != target[there]) & valid[here] & valid[there]
        beside[here] |= change
        beside[there] |= change
    if not beside.any():
        return np.full(target.shape, np.inf, np.float32)
    return cv2.distanceTransform(1 - beside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) + 1


def boundary_iou(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    ratio: float = BOUNDARY_RATIO,
    ignore_index: int = 255,
) -> np.ndarray:
    """IoU of the inner boundary bands of each class [0], areas summed over images.

    The band of a class is what an erosion by d = max(1, round(ratio * diagonal)) pixels takes away; the image
    frame counts as a border. Ratio 0.02 is usual for COCO and LVIS, 0.005 for Cityscapes.

    Args:
        prediction: ``[H, W]`` or a stack ``[N, H, W]``.
        target: same shape.
        num_classes: number of classes C.
        ratio: width of the band over the diagonal of the image.
        ignore_index: the label of pixels taken out of both maps.

    Returns:
        float64, shape ``(C,)``; NaN where neither map has the class.

    [0] Cheng et al., Boundary IoU: Improving Object-Centric Image Segmentation Evaluation, CVPR 2021; for
    instance masks: the use per class is an extension.
    """
    pairs = _pairs(prediction, target)
    intersection, union = sum(boundary_areas(p, t, num_classes, ratio, ignore_index) for p, t in pairs)
    return ratio_or_nan(intersection, union)


def boundary_areas(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ratio: float, ignore_index: int = 255
) -> np.ndarray:
    """Intersection and union of the boundary bands of each class in one image, int64 ``(2, C)``."""
    prediction, target, valid = checked_labels(prediction, target, num_classes, ignore_index)
    distance = max(1, round(ratio * math.hypot(*target.shape)))
    prediction, target = _without_void(prediction, valid, num_classes), _without_void(target, valid, num_classes)
    at_prediction = _inner_band(prediction, distance, num_classes)
    at_target = _inner_band(target, distance, num_classes)
    both = at_prediction & at_target & (prediction == target)
    intersection, in_prediction, in_target = (
        np.bincount(labels, minlength=num_classes + 1)[:num_classes]
        for labels in (target[both], prediction[at_prediction], target[at_target])
    )
    return np.stack([intersection, in_prediction + in_target - intersection])


def _without_void(labels: np.ndarray, valid: np.ndarray, num_classes: int) -> np.ndarray:
    """Labels as uint16, with the class one past the last where nothing is to be scored."""
    return np.where(valid, labels, num_classes).astype(np.uint16)


def _inner_band(labels: np.ndarray, distance: int, outside: int) -> np.ndarray:
    """Pixels with another label, or the frame, within ``distance`` rows and columns."""
    window = np.ones((2 * distance + 1,) * 2, np.uint8)
    frame = {"borderType": cv2.BORDER_CONSTANT, "borderValue": outside}
    return cv2.erode(labels, window, **frame) != cv2.dilate(labels, window, **frame)


def boundary_f(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    threshold: float = F_THRESHOLDS[0],
    ignore_index: int = 255,
    empty_is_one: bool = False,
) -> np.ndarray:
    """Boundary F-score of each class in one image [0]: 1-px contours matched within a radius.

    The radius is ceil(threshold * diagonal) pixels, or the threshold itself from 1 on. A class whose contour is in
    one map only scores 0.

    Args:
        prediction: ``[H, W]``.
        target: same shape.
        num_classes: number of classes C.
        threshold: tolerance, as a fraction of the diagonal (below 1) or in pixels.
        ignore_index: the label of pixels taken out of both maps.
        empty_is_one: score 1 where neither map has a contour of the class, as the published code does, which
            lifts the mean by absent classes. By default such a class is NaN, to be skipped.

    Returns:
        float64, shape ``(C,)``.

    [0] Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016;
    per class by Takikawa et al., Gated-SCNN, ICCV 2019.
    """
    precision, recall = boundary_precision_recall(prediction, target, num_classes, (threshold,), ignore_index)
    return f_score(precision, recall, 1.0 if empty_is_one else np.nan)[0]


def boundary_precision_recall(
    prediction: np.ndarray,
    target: np.ndarray,
    num_classes: int,
    thresholds: Sequence[float] = F_THRESHOLDS,
    ignore_index: int = 255,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of predicted contour pixels near a true one, and of true ones near a predicted one.

    Returns:
        Precision and recall, float64 ``(len(thresholds), C)``; NaN where the map it is a share of has no contour.
    """
    prediction, target, valid = checked_labels(prediction, target, num_classes, ignore_index)
    diagonal = math.hypot(*target.shape)
    radii = [round(t) if t >= 1 else math.ceil(t * diagonal) for t in thresholds]
    precision = np.full((len(radii), num_classes), np.nan)
    recall = precision.copy()
    for first in range(0, num_classes, 64):
        classes = range(first, min(first + 64, num_classes))
        part = slice(classes.start, classes.stop)
        ours, theirs = (_contours(labels, valid, classes) for labels in (prediction, target))
        found, true = _count_bits(ours, len(classes)), _count_bits(theirs, len(classes))
        for radius in set(radii):
            rows = [i for i, r in enumerate(radii) if r == radius]
            precision[rows, part] = ratio_or_nan(_count_bits(ours & _dilate_disk(theirs, radius), len(classes)), found)
            recall[rows, part] = ratio_or_nan(_count_bits(theirs & _dilate_disk(ours, radius), len(classes)), true)
    return precision, recall


def _contours(labels: np.ndarray, valid: np.ndarray, classes: range) -> np.ndarray:
    """Pixels whose right, lower or lower right neighbour differs in belonging to a class, as bits by class."""
    dtype = next(t for t in (np.uint16, np.uint32, np.uint64) if len(classes) <= 8 * np.dtype(t).itemsize)
    mine = valid & (labels >= classes.start) & (labels < classes.stop)
    bits = np.where(mine, dtype(1) << np.where(mine, labels - classes.start, 0).astype(dtype), dtype(0))
    following = np.pad(bits, ((0, 1), (0, 1)), mode="edge")
    return (bits ^ following[:-1, 1:]) | (bits ^ following[1:, :-1]) | (bits ^ following[1:, 1:])


def _count_bits(bits: np.ndarray, count: int) -> np.ndarray:
    """In how many pixels each of the lowest ``count`` bits is set."""
    some = bits[bits != 0]
    return np.array([np.count_nonzero(some & bits.dtype.type(1 << i)) for i in range(count)])


def _dilate_disk(bits: np.ndarray, radius: int) -> np.ndarray:
    """Bitwise OR over a disk of ``radius`` pixels: all classes at once, in about 4 * radius passes."""
    height, width = bits.shape
    padded = np.pad(bits, radius)
    rows = padded[:, radius : radius + width].copy()
    out = np.zeros_like(bits)
    half = 0
    for dy in range(radius, -1, -1):
        while (half + 1) ** 2 + dy**2 <= radius**2:
            half += 1
            for left in (radius - half, radius + half):
                rows |= padded[:, left : left + width]
        out |= rows[radius - dy : radius - dy + height]
        out |= rows[radius + dy : radius + dy + height]
    return out


def f_score(precision: np.ndarray, recall: np.ndarray, empty: float) -> np.ndarray:
    """Harmonic mean of precision and recall, 0 if only one is a number, ``empty`` if neither is."""
    absent = np.isnan(precision) & np.isnan(recall)
    p, r = np.nan_to_num(precision), np.nan_to_num(recall)
    return np.where(absent, empty, 2 * p * r / np.maximum(p + r, np.finfo(float).tiny))


def checked_labels(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both maps as arrays of checked shape and labels, and where the target counts."""
    prediction, target = np.asarray(prediction), np.asarray(target)
    if prediction.shape != target.shape:
        raise ValueError(f"expected a prediction of the target's shape {target.shape} but found {prediction.shape}")
    valid = target != ignore_index
    for name, labels in (("prediction", prediction), ("target", target)):
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"expected integer labels as {name} but found {labels.dtype}")
        bad = valid & ((labels < 0) | (labels >= num_classes))
        if bad.any():
            found = np.unique(labels[bad]).tolist()
            raise ValueError(f"expected labels 0..{num_classes - 1} in the {name} but found {found}")
    return prediction, target, valid


def _pairs(prediction: np.ndarray, target: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    prediction, target = np.asarray(prediction), np.asarray(target)
    if prediction.shape != target.shape or target.ndim not in (2, 3):
        raise ValueError(
            f"expected two maps [H, W] or [N, H, W] of one shape but found {prediction.shape} and {target.shape}"
        )
    return zip(prediction, target, strict=True) if target.ndim == 3 else iter([(prediction, target)])


def area_iou(areas: np.ndarray) -> np.ndarray:
    """IoU of each class from its intersection, predicted and true area ``(3, C)``; NaN where there is none."""
    hits, predicted, true = areas
    return ratio_or_nan(hits, predicted + true - hits)


def ratio_or_nan(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole in float64, NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.true_divide(part, whole)


def mean_of_numbers(values: np.ndarray) -> float:
    """Mean of what is not NaN; NaN if nothing is left."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan
