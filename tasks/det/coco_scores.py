"""COCO's average precision of boxes [0], in percent, computed by faster-coco-eval.

[0] Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, and cocodataset.org/#detection-eval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from tasks.det.boxes import MAX_DETECTIONS, Detections, Objects

SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}  # square pixels
IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
RECALLS = tuple(round(0.01 * step, 2) for step in range(101))


def coco_scores(
    truth: Sequence[Objects],
    found: Sequence[Detections],
    num_classes: int,
    max_detections: int = MAX_DETECTIONS,
) -> dict[str, Any]:
    """Average precision over IoU thresholds 0.50, 0.55 ... 0.95 and 101 recalls, over all classes that have objects.

    Detections of any score count, of each class and image the ``max_detections`` with the highest scores. Objects that
    are ``ignored`` are COCO's crowds: detections that lie in one by half or more, and find nothing else, do not count.

    Args:
        truth: objects of each image.
        found: detections in each image, in the same order.
        num_classes: C.
        max_detections: of a class and an image.

    Returns:
        In percent, NaN where there is nothing to find: ``AP``; ``AP50``, ``AP75`` at single thresholds; ``AP_small``,
        ``AP_medium``, ``AP_large`` of objects below 32x32, up to 96x96 and above (by their ``areas``); ``AR``, the
        recall with at most ``max_detections``, averaged over thresholds; ``AP_per_class``, ``AP50_per_class``: float64
        ``[C]``; ``AP_by_iou``: ``{threshold: AP}``; ``precision_by_recall``: ``{0.5: [101], 0.75: [101]}``, mean over
        classes at the recalls of `RECALLS`, as the averages have it (the best precision at that recall or a higher).

    Raises:
        ValueError: if the numbers of images differ, or a label is none of the classes.
    """
    check_images(truth, found, num_classes)
    classes = [{"id": label + 1, "name": str(label)} for label in range(num_classes)]
    images = [{"id": index + 1} for index in range(len(truth))]
    shared = {"images": images, "categories": classes}
    # COCO's evaluation takes an annotation with the number 0 for none.
    target = COCO({**shared, "annotations": _annotations(truth)})
    detected = COCO({**shared, "annotations": _annotations(found)})
    evaluation = COCOeval_faster(target, detected, "bbox", ranges={name: list(span) for name, span in SIZES.items()})
    evaluation.params.maxDets = [max_detections]
    evaluation.evaluate()
    evaluation.accumulate()
    shape = len(IOU_THRESHOLDS), len(RECALLS), num_classes, 1 + len(SIZES)
    precision = 100 * _numbers(evaluation.eval["precision"]).reshape(shape)
    recall = 100 * _numbers(evaluation.eval["recall"]).reshape(shape[0], *shape[2:])
    return _summary(precision, recall)


def _summary(precision: np.ndarray, recall: np.ndarray) -> dict[str, Any]:
    """Averages of precision ``[IoU, recall, class, size]`` and recall ``[IoU, class, size]``; size 0 is any."""
    whole = precision[..., 0]
    half, three_quarters = IOU_THRESHOLDS.index(0.5), IOU_THRESHOLDS.index(0.75)
    scores: dict[str, Any] = {
        "AP": _mean(whole),
        "AP50": _mean(whole[half]),
        "AP75": _mean(whole[three_quarters]),
        **{f"AP_{name}": _mean(precision[..., index]) for index, name in enumerate(SIZES, start=1)},
        "AR": _mean(recall[..., 0]),
        "AP_per_class": np.array([_mean(whole[..., label]) for label in range(whole.shape[-1])]),
        "AP50_per_class": np.array([_mean(whole[half, :, label]) for label in range(whole.shape[-1])]),
        "AP_by_iou": {iou: _mean(whole[index]) for index, iou in enumerate(IOU_THRESHOLDS)},
        "precision_by_recall": {
            iou: np.array([_mean(whole[index, place]) for place in range(len(RECALLS))])
            for iou, index in ((0.5, half), (0.75, three_quarters))
        },
    }
    return scores


def size_counts(truth: Sequence[Objects]) -> dict[str, int]:
    """How many objects that are not ignored are small, medium and large by `SIZES`; on a border they are both."""
    areas = np.concatenate([objects.areas[~objects.ignored] for objects in truth] or [np.zeros(0)])
    return {name: int(((areas >= low) & (areas <= high)).sum()) for name, (low, high) in SIZES.items()}


def check_images(truth: Sequence[Objects], found: Sequence[Detections], num_classes: int) -> None:
    """See that there are detections for each image, and that labels are classes.

    Raises:
        ValueError: if not.
    """
    if len(truth) != len(found):
        raise ValueError(f"expected detections for {len(truth)} images but found them for {len(found)}")
    for what, images in (("objects", truth), ("detections", found)):
        labels = np.concatenate([image.labels for image in images] or [np.zeros(0, np.int64)])
        wrong = np.unique(labels[(labels < 0) | (labels >= num_classes)])
        if wrong.size:
            raise ValueError(f"expected labels 0..{num_classes - 1} of {what} but found {wrong.tolist()}")


def _annotations(images: Sequence[Objects] | Sequence[Detections]) -> list[Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = []
    for number, image in enumerate(images, start=1):
        sizes = image.boxes[:, 2:] - image.boxes[:, :2]
        rest = (
            [{"area": float(area), "iscrowd": int(flag)} for area, flag in zip(image.areas, image.ignored, strict=True)]
            if isinstance(image, Objects)
            else [
                {"area": float(width * height), "iscrowd": 0, "score": float(score)}
                for (width, height), score in zip(sizes, image.scores, strict=True)
            ]
        )
        for box, size, label, more in zip(image.boxes, sizes, image.labels, rest, strict=True):
            place = {"id": len(records) + 1, "image_id": number, "category_id": int(label) + 1}
            records.append({**place, "bbox": [*map(float, box[:2]), *map(float, size)], **more})
    return records


def _numbers(values: np.ndarray) -> np.ndarray:
    """COCO writes -1 where there is nothing to find."""
    values = np.array(values, np.float64)
    values[values < 0] = np.nan
    return values


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
