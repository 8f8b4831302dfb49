"""What kinds of errors a detector makes, and what each kind costs: TIDE [0].

[0] Bolya et al., TIDE: A General Toolbox for Identifying Object Detection Errors, ECCV 2020, sections 2.2 and 2.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.det.boxes import MAX_DETECTIONS, Detections, Objects, match, overlaps
from tasks.det.coco_scores import check_images
from tasks.det.voc_scores import average_precision

FOREGROUND, BACKGROUND = 0.5, 0.1  # t_f and t_b of [0]
RECALLS = 101
RIGHT, UNCOUNTED = "right", "uncounted"
FALSE_KINDS = ("classification", "localisation", "both", "duplicate", "background")
KINDS = (*FALSE_KINDS, "missed")


@dataclass(frozen=True)
class SortedImage:
    """One image's detections and objects with what became of each.

    Attributes:
        objects: the true objects.
        detections: the detections that count, highest score first.
        kinds: of each detection one of `FALSE_KINDS`, "right", or "uncounted" for those of an ignored object.
        meant: int64 ``[k]``, the object that each detection finds, or would find without its error of class or place;
            -1 for none.
        found: bool ``[n]``, objects that a detection finds.
        missed: bool ``[n]``, objects that none finds and none means; ignored ones are never missed.
    """

    objects: Objects
    detections: Detections
    kinds: tuple[str, ...]
    meant: np.ndarray
    found: np.ndarray
    missed: np.ndarray


@dataclass
class ErrorTypes:
    """What a detector gets wrong over a data set.

    Attributes:
        average_precision: AP50 in percent, as `tasks.det.coco_scores` has it.
        counts: how many errors there are of each of `KINDS`.
        gains: of each of `KINDS`, by how many percent AP50 would rise if its errors, and no others, were mended; NaN
            where that leaves nothing to find.
    """

    average_precision: float
    counts: dict[str, int] = field(default_factory=dict)
    gains: dict[str, float] = field(default_factory=dict)


def sort_image(
    objects: Objects, detections: Detections, max_detections: int = MAX_DETECTIONS, least_score: float = 0.0
) -> SortedImage:
    """Sort one image's false detections and missed objects into kinds of errors.

    Detections find objects of their class at an IoU of at least t_f = 0.5, in the order of their scores. Of a detection
    that finds none, the first that applies, with t_b = 0.1:

    * localisation: it overlaps an object of its class by t_b to t_f;
    * classification: it overlaps one of another class by t_f or more;
    * duplicate: it overlaps one of its class by t_f or more, which a detection of higher score has found;
    * background: it overlaps no object by more than t_b;
    * both: what is left overlaps an object of another class by t_b to t_f.

    In [0] these conditions can hold together and no order is given; this one agrees with its authors' toolbox.

    Args:
        objects: of the image.
        detections: in the image.
        max_detections: of a class count, those with the highest scores.
        least_score: of the detections that count.
    """
    strongest = detections.strongest(max_detections, least_score)
    own_class = strongest.labels[:, None] == objects.labels[None]
    paired = overlaps(strongest.boxes, objects.boxes, objects.ignored)
    meant = match(np.where(own_class, paired, -1.0), objects.ignored, FOREGROUND)
    found = np.zeros(len(objects), bool)
    found[meant[meant >= 0]] = True
    kinds = []
    iou = np.where(objects.ignored, -1.0, overlaps(strongest.boxes, objects.boxes))
    for place, row in enumerate(iou):
        if meant[place] >= 0:
            kinds.append(UNCOUNTED if objects.ignored[meant[place]] else RIGHT)
            continue
        kind, meant[place] = _error(row, own_class[place])
        kinds.append(kind)
    found &= ~objects.ignored
    missed = ~found & ~objects.ignored
    missed[meant[meant >= 0]] = False
    return SortedImage(objects, strongest, tuple(kinds), meant, found, missed)


def _error(overlap: np.ndarray, own_class: np.ndarray) -> tuple[str, int]:
    """Kind of a false detection that overlaps objects by ``overlap [n]``, and the object that it means, or -1."""
    own = np.append(np.where(own_class, overlap, -1.0), -1.0)
    other = np.append(np.where(own_class, -1.0, overlap), -1.0)
    if BACKGROUND <= own.max() < FOREGROUND:
        return "localisation", int(own.argmax())
    if other.max() >= FOREGROUND:
        return "classification", int(other.argmax())
    if own.max() >= FOREGROUND:
        return "duplicate", -1
    if max(own.max(), other.max()) <= BACKGROUND:
        return "background", -1
    return "both", -1


def error_types(
    truth: Sequence[Objects],
    found: Sequence[Detections],
    num_classes: int,
    max_detections: int = MAX_DETECTIONS,
    least_score: float = 0.0,
) -> ErrorTypes:
    """Count the errors of each kind, and tell what AP50 each kind costs.

    Mended means, as in [0]: of classification and localisation, the detection gets the class or the place of the
    object that it means; where that object is found already, or several detections mean it, only the one with the
    highest score that may stand stays, and the others go. False detections of the other kinds go. Missed objects are
    taken out of the number of objects. The gains do not add up to what is missing from 100.

    Args:
        truth: objects of each image.
        found: detections in each image, in the same order.
        num_classes: C.
        max_detections: of a class and an image count, those with the highest scores.
        least_score: of the detections that count. 0 for gains, in which low scores weigh little by themselves; for
            counts the score above which detections are used, else what is hardly believed fills them.

    Raises:
        ValueError: if the numbers of images differ, or a label is none of the classes.
    """
    check_images(truth, found, num_classes)
    images = [
        sort_image(objects, detections, max_detections, least_score)
        for objects, detections in zip(truth, found, strict=True)
    ]
    result = ErrorTypes(_mean_precision(images, num_classes))
    for kind in KINDS:
        missed = sum(int(image.missed.sum()) for image in images)
        result.counts[kind] = missed if kind == "missed" else sum(image.kinds.count(kind) for image in images)
        result.gains[kind] = _mean_precision(images, num_classes, mended=kind) - result.average_precision
    return result


def _mean_precision(images: Sequence[SortedImage], num_classes: int, mended: str = "") -> float:
    """AP50 in percent, mean over classes with objects, as if errors of the kind ``mended`` had not been made."""
    scores: list[list[float]] = [[] for _ in range(num_classes)]
    hits: list[list[bool]] = [[] for _ in range(num_classes)]
    objects, present = np.zeros(num_classes, np.int64), np.zeros(num_classes, bool)
    for image in images:
        present[image.objects.labels[~image.objects.ignored]] = True
        counted = ~image.objects.ignored
        if mended == "missed":
            counted &= ~image.missed
        objects += np.bincount(image.objects.labels[counted], minlength=num_classes)
        taken = image.found.copy()
        for place, kind in enumerate(image.kinds):
            label = image.detections.labels[place]
            if kind == mended:
                meant = image.meant[place]
                if meant < 0 or taken[meant]:
                    continue
                taken[meant] = True
                label = image.objects.labels[meant]
            elif kind == UNCOUNTED:
                continue
            scores[label].append(image.detections.scores[place])
            hits[label].append(kind in (RIGHT, mended))
    values = []
    for label in np.flatnonzero(present):
        order = np.argsort(-np.array(scores[label]), kind="stable")
        right = np.array(hits[label], bool)[order]
        if objects[label]:
            values.append(average_precision(right, int(objects[label]), RECALLS))
        elif right.size:  # all of its objects were missed; what is left are false detections
            values.append(0.0)
    return 100 * float(np.mean(values)) if values else float("nan")
