"""From a detector's box of a face to the tight box of a scheme's points, and back.

A detector's box stands for a face: jaw to brows, the tight box of 68 points. The tight box of five points, from eye to
mouth, is half as wide, and it is what crops of a training with five points are cut around.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from common.errors import ConfigError
from common.landmark_files import Face, LandmarkScheme, read_face_image
from common.landmark_files.scheme import SCHEMES
from common.sources import evenly_spread
from tasks.landmarks.crop import box_of
from tasks.landmarks.detector import FaceDetector, HaarDetector

SEARCHED_FACES = 100  # a few seconds
LEAST_FOUND = 10  # faces that a median is taken of
LEAST_SHARE = 0.001  # of a face's box: points in a row have a box without a height
FLAT = 0.5  # a box is flat if one side is less than so much of the other, each as a share of the face's


class FaceBox(NamedTuple):
    """Where the tight box of a scheme's points lies in a face's box; by default they are the same.

    Attributes:
        right: from the middle of the face's box to that of the points' box, as a share of the face's width.
        down: the same as a share of its height.
        width: of the points' box, as a share of the face's.
        height: the same.
    """

    right: float = 0.0
    down: float = 0.0
    width: float = 1.0
    height: float = 1.0

    @classmethod
    def of(cls, values: Sequence[float]) -> FaceBox:
        """From four numbers.

        Raises:
            ConfigError: unless they are four finite ones, and width and height above 0.
        """
        try:
            right, down, width, height = map(float, values)
            found = cls(right, down, width, height)
        except (TypeError, ValueError):
            found = None
        if found is None or not np.isfinite(found).all() or min(found.width, found.height) <= 0:
            raise ConfigError(f"expected right, down, width > 0 and height > 0 of face but found {values!r}")
        return found

    @classmethod
    def of_scheme(cls, scheme: LandmarkScheme) -> FaceBox | None:
        """That of a benchmark's scheme; None for one's own."""
        known = SCHEMES.get(scheme.name)
        # Lines and regions, which the scheme of a file may have others of, do not move its points.
        same = known is not None and (known.num_points, known.flip, known.ocular) == (
            scheme.num_points,
            scheme.flip,
            scheme.ocular,
        )
        return KNOWN[scheme.name] if same else None

    @classmethod
    def measured(cls, faces: Sequence[Face], detector: FaceDetector | None = None) -> FaceBox | None:
        """The median over the faces that a detector finds among 100, evenly spread.

        Args:
            faces: labelled.
            detector: by default a `HaarDetector`.

        Returns:
            None if fewer than ten are found.

        Raises:
            DataError: if an image cannot be read.
        """
        detector, rows = detector or HaarDetector(), []
        for place in evenly_spread(len(faces), SEARCHED_FACES):
            own = box_of(faces[place].points)
            middle = (own[:2] + own[2:]) / 2
            for box in detector.detect(read_face_image(faces[place])).boxes:
                if (box[:2] < middle).all() and (middle < box[2:]).all():
                    size = box[2:] - box[:2]
                    rows.append([*((middle - (box[:2] + box[2:]) / 2) / size), *((own[2:] - own[:2]) / size)])
                    break
        if len(rows) < LEAST_FOUND:
            return None
        right, down, width, height = np.median(rows, axis=0).tolist()
        return cls(right, down, max(width, LEAST_SHARE), max(height, LEAST_SHARE))

    def to_points(self, face: ArrayLike) -> np.ndarray:
        """The points' box, float64 ``[4]``, in a face's box x0, y0, x1, y1."""
        middle, size = _middle_and_size(face)
        return _box(middle + self[:2] * size, size * self[2:])

    def to_face(self, points: ArrayLike) -> np.ndarray:
        """The face's box, float64 ``[4]``, around the points' box x0, y0, x1, y1.

        A flat box (eyes alone) tells little by its shorter side: the scale of the longer one is that of both.
        """
        middle, size = _middle_and_size(points)
        shares = np.array(self[2:])
        size = size / shares
        if shares.min() < FLAT * shares.max():
            size = np.full(2, size[shares.argmax()])
        return _box(middle - self[:2] * size, size)


# 98 points have the jaw and the brows too. 29 have the brows and the chin's tip, but no sides of the jaw: the median
# over the 2,763 training faces of faces68 of the tight box of their points 8 and 17 to 67 in that of all 68; quartiles
# of the width are 0.718 and 0.784.
KNOWN = {"68": FaceBox(), "98": FaceBox(), "29": FaceBox(width=0.755)}


def _middle_and_size(box: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    box = np.asarray(box, np.float64)
    return (box[:2] + box[2:]) / 2, box[2:] - box[:2]


def _box(middle: np.ndarray, size: np.ndarray) -> np.ndarray:
    return np.concatenate([middle - size / 2, middle + size / 2])
