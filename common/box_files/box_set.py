"""Pictures with boxes, as every reader of box files gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


# Compared by identity: arrays have no truth value that a generated comparison could use.
@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One picture and its boxes.

    Attributes:
        file: the picture.
        name: for messages and reports, unique in its set: the path below the folder of the pictures, without ending.
        width: of the picture, pixels.
        height: of the picture, pixels.
        boxes: float32 ``[n, 4]``, x1 y1 x2 y2 in pixels, counted from 0, right and lower edge exclusive: a box of the
            whole picture is 0, 0, width, height.
        labels: int64 ``[n]``, places in the set's classes.
        ignored: bool ``[n]``, boxes that neither train nor count: crowds of COCO, difficult objects of VOC.
        ids: of the boxes in their file, for messages; of VOC the number of the object, of a table the line, from 1 on.
        areas: float64 ``[n]``, of the objects' outlines in square pixels, by which COCO calls an object small or large;
            None where the file does not tell one for every box, as VOC and tables never do.
    """

    file: Path
    name: str
    width: int
    height: int
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    ids: tuple[int | str, ...]
    areas: np.ndarray | None = None


@dataclass(eq=False)
class BoxSet:
    """Labelled pictures of one list of classes.

    Attributes:
        classes: names, by label.
        images: the pictures.
        image_ids: one for each picture: COCO's own, else 1, 2, ...
    """

    classes: tuple[str, ...]
    images: list[LabelledImage]
    image_ids: list[int] = field(default_factory=list)

    def __post_init__(self):
        self.image_ids = self.image_ids or list(range(1, len(self.images) + 1))

    def counts(self) -> dict[str, int]:
        """Number of boxes of each class, ignored ones left out."""
        labels = [image.labels[~image.ignored] for image in self.images]
        counts = np.bincount(np.concatenate(labels) if labels else [], minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def subset(self, places: Sequence[int]) -> BoxSet:
        """The pictures at some places, with their ids."""
        return BoxSet(
            self.classes, [self.images[place] for place in places], [self.image_ids[place] for place in places]
        )
