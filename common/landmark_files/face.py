"""A labelled face, as every reader of landmark files gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


# Compared by identity: arrays have no truth value that a generated comparison could use.
@dataclass(frozen=True, eq=False)
class Face:
    """One labelled face in an image.

    Attributes:
        image: the file the image is in.
        points: float32 ``[n, 2]``, x and y in pixels of the image; (0, 0) is the middle of its first pixel. Points may
            lie a little outside of the image, see `common.landmark_files.check_faces`.
        visible: bool ``[n]``; False for an occluded point, which still has its place.
        box: float32 ``[4]``, a detector's or annotator's x0, y0, x1, y1 in pixels; None where there is none.
        subset: name of the part of the set that the face belongs to, such as ``'challenging'``.
        attributes: what is known about the image, such as ``{'occlusion': True}``.
        index: place of the image in a file that holds many; None for an image file.
        name: of the face, unique in its set; by default the image's name without its ending. It may have folders in
            it, as ``'helen/testset/1_1'`` has.
    """

    image: Path
    points: np.ndarray
    visible: np.ndarray
    box: np.ndarray | None = None
    subset: str = ""
    attributes: Mapping[str, bool] = field(default_factory=dict)
    index: int | None = None
    name: str = ""

    def __post_init__(self):
        if not self.name:
            stem = self.image.stem
            object.__setattr__(self, "name", stem if self.index is None else f"{stem}_{self.index}")
