"""Objects and detections of one image, how much they overlap, and which detection finds which object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from faster_coco_eval.core.mask import iou as coco_iou

MAX_DETECTIONS = 100  # of a class and an image that count, as COCO has it


@dataclass(frozen=True)
class Objects:
    """The true objects of one image.

    Attributes:
        boxes: float64 ``[n, 4]``, x1 y1 x2 y2 in pixels of the image as it is stored, right and bottom exclusive.
        labels: int64 ``[n]``, places in the list of classes.
        ignored: bool ``[n]``, objects that need not be found, and are no error if they are: COCO's crowds, VOC's
            difficult ones; by default none.
        areas: float64 ``[n]``, square pixels, which tell small from large objects; by default those of the boxes.
            COCO's own, of the outlines, are smaller than the boxes'.

    Raises:
        ValueError: if lengths or shapes do not fit.
    """

    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray | None = None
    areas: np.ndarray | None = None

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        ignored = np.zeros(len(boxes), bool) if self.ignored is None else self.ignored
        areas = areas_of(boxes) if self.areas is None else self.areas
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "labels", _column(self.labels, len(boxes), np.int64, "labels"))
        object.__setattr__(self, "ignored", _column(ignored, len(boxes), bool, "flags of ignored objects"))
        object.__setattr__(self, "areas", _column(areas, len(boxes), np.float64, "areas"))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Detections:
    """What a network finds in one image.

    Attributes:
        boxes: float64 ``[k, 4]``, as those of `Objects`.
        scores: float64 ``[k]``, higher is surer.
        labels: int64 ``[k]``.

    Raises:
        ValueError: if lengths or shapes do not fit.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray

    def __post_init__(self) -> None:
        boxes = _boxes(self.boxes)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", _column(self.scores, len(boxes), np.float64, "scores"))
        object.__setattr__(self, "labels", _column(self.labels, len(boxes), np.int64, "labels"))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, places: np.ndarray) -> Detections:
        """Those at ``places`` (numbers or booleans)."""
        return Detections(self.boxes[places], self.scores[places], self.labels[places])

    def strongest(self, limit: int = MAX_DETECTIONS, least_score: float = 0.0) -> Detections:
        """The ``limit`` of each class with the highest scores of at least ``least_score``, highest first."""
        order = np.argsort(-self.scores, kind="stable")
        order = order[self.scores[order] >= least_score]
        taken: dict[int, int] = {}
        kept = []
        for place in order:
            label = int(self.labels[place])
            taken[label] = taken.get(label, 0) + 1
            if taken[label] <= limit:
                kept.append(place)
        return self[np.array(kept, np.int64)]


def areas_of(boxes: np.ndarray) -> np.ndarray:
    """Square pixels ``[n]`` of boxes ``[n, 4]``."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def overlaps(boxes: np.ndarray, others: np.ndarray, crowds: np.ndarray | None = None) -> np.ndarray:
    """Intersection over union of each of ``boxes [k, 4]`` with each of ``others [n, 4]``, float64 ``[k, n]``.

    Args:
        boxes: x1 y1 x2 y2, right and bottom exclusive.
        others: the same.
        crowds: bool ``[n]``: where true, the intersection is divided by the area of ``boxes`` alone, as COCO does for
            objects that stand for many.

    >>> overlaps(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10], [0, 0, 40, 10]]), np.array([False, True]))
    array([[0.33333333, 1.        ]])
    """
    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    flags = np.zeros(len(others), np.uint8) if crowds is None else np.asarray(crowds, np.uint8)
    return np.asarray(coco_iou(_corner_and_size(boxes), _corner_and_size(others), flags))


def match(overlap: np.ndarray, ignored: np.ndarray, least_overlap: float) -> np.ndarray:
    """Which object each detection finds, as COCO has it: detections choose in the order of their scores.

    A detection takes the object that it overlaps most among those not yet taken; without one, an ignored object, which
    is never used up.

    Args:
        overlap: ``[k, n]``, detections by descending score; negative where the two may not be paired.
        ignored: bool ``[n]``.
        least_overlap: that makes a pair.

    Returns:
        int64 ``[k]``, the object's place, or -1.
    """
    free = np.where(ignored, -1.0, overlap)
    spare = np.where(ignored, overlap, -1.0)
    found = np.full(len(overlap), -1, np.int64)
    if not overlap.size:
        return found
    for place in range(len(overlap)):
        for choice in (free, spare):
            best = int(choice[place].argmax())
            if choice[place, best] >= least_overlap:
                found[place] = best
                if choice is free:
                    free[:, best] = -1.0
                break
    return found


def _corner_and_size(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _boxes(values: np.ndarray) -> np.ndarray:
    boxes = np.asarray(values, np.float64)
    boxes = boxes.reshape(-1, 4) if not boxes.size else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"expected boxes of shape [n, 4] but found {boxes.shape}")
    return boxes


def _column(values: np.ndarray, count: int, dtype: type, what: str) -> np.ndarray:
    column = np.asarray(values, dtype)
    if column.shape != (count,):
        raise ValueError(f"expected {what} for {count} boxes but found shape {column.shape}")
    return column
