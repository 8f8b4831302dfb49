"""PASCAL VOC's average precision of boxes [0], in percent.

[0] Everingham et al., The PASCAL Visual Object Classes (VOC) Challenge, IJCV 2010, section 4.2: 11 recalls until 2009,
    the area under the curve from 2010 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.det.boxes import Detections, Objects, overlaps
from tasks.det.coco_scores import check_images

IOU_THRESHOLD = 0.5


def average_precision(hits: np.ndarray, objects: int, recalls: int | None = None) -> float:
    """Average precision, 0 to 1, of detections in the order of their scores.

    The precision at a recall is the best one at that recall or a higher, and 0 at recalls that are never reached.

    Args:
        hits: bool ``[k]``, whether each detection is right, highest score first.
        objects: how many there are to find.
        recalls: the mean over so many recalls, evenly spread from 0 to 1: 11 for VOC 2007, 101 for COCO; None for the
            area under the curve.

    Returns:
        NaN where there is nothing to find.

    >>> average_precision(np.array([True, False, True]), objects=2)
    0.8333333333333333
    """
    if not objects:
        return float("nan")
    found = np.cumsum(hits)
    recall = found / objects
    precision = found / np.arange(1, len(hits) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    if recalls is None:
        return float(np.sum(np.diff(recall, prepend=0.0) * best[:-1]))
    return float(best[np.searchsorted(recall, np.linspace(0.0, 1.0, recalls))].mean())


def voc_scores(
    truth: Sequence[Objects],
    found: Sequence[Detections],
    num_classes: int,
    least_overlap: float = IOU_THRESHOLD,
) -> dict[str, Any]:
    """Mean average precision with both of VOC's averages, over the classes that have objects.

    A detection belongs to the object of its class that it overlaps most, if their IoU is at least ``least_overlap``.
    It is right if no detection with a higher score belongs to that object, and does not count if the object is
    ``ignored`` (VOC's difficult ones). Detections of any score count, and any number of them.

    Args:
        truth: objects of each image.
        found: detections in each image, in the same order.
        num_classes: C.
        least_overlap: IoU, 0 to 1.

    Returns:
        In percent, NaN where there is nothing to find: ``mAP_11``, ``mAP_area``: numbers. ``AP_11_per_class``,
        ``AP_area_per_class``: float64 ``[C]``.

    Raises:
        ValueError: if the numbers of images differ, or a label is none of the classes.
    """
    check_images(truth, found, num_classes)
    result: dict[str, Any] = {f"AP_{kind}_per_class": np.full(num_classes, np.nan) for kind in ("11", "area")}
    for label in range(num_classes):
        hits, objects = _class_hits(truth, found, label, least_overlap)
        result["AP_11_per_class"][label] = 100 * average_precision(hits, objects, recalls=11)
        result["AP_area_per_class"][label] = 100 * average_precision(hits, objects)
    for kind in ("11", "area"):
        known = result[f"AP_{kind}_per_class"]
        known = known[~np.isnan(known)]
        result[f"mAP_{kind}"] = float(known.mean()) if known.size else float("nan")
    return result


def _class_hits(
    truth: Sequence[Objects], found: Sequence[Detections], label: int, least_overlap: float
) -> tuple[np.ndarray, int]:
    """Whether each detection of a class that counts is right, highest score first, and how many objects there are."""
    scores, hits, objects = [np.zeros(0)], [np.zeros(0, bool)], 0
    for image, detections in zip(truth, found, strict=True):
        own = image.labels == label
        objects += int((own & ~image.ignored).sum())
        of_class = detections[detections.labels == label].strongest(limit=len(detections))
        right, counts = _image_hits(of_class.boxes, image.boxes[own], image.ignored[own], least_overlap)
        scores.append(of_class.scores[counts])
        hits.append(right[counts])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(hits)[order], objects


def _image_hits(
    boxes: np.ndarray, objects: np.ndarray, ignored: np.ndarray, least_overlap: float
) -> tuple[np.ndarray, np.ndarray]:
    right, counts = np.zeros(len(boxes), bool), np.ones(len(boxes), bool)
    if not len(objects):
        return right, counts
    overlap = overlaps(boxes, objects)
    taken = ignored.copy()
    for place, row in enumerate(overlap):
        best = int(row.argmax())
        if row[best] < least_overlap:
            continue
        counts[place] = not ignored[best]
        right[place] = not taken[best]
        taken[best] = True
    return right, counts
