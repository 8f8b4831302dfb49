"""Boxes of faces: OpenCV's cascades, which come with its package, or boxes from a file or a command line.

A detector that searches gives boxes of faces: jaw to brows, the tight box of 68 landmarks; what leads to that of other
points is in `tasks.landmarks.face_box`. Boxes that somebody gives are the tight box of the network's own points.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from common.errors import DataError

SEARCHED_SIDE = 640
LEAST_FACE_IN_VIDEO = 0.075  # of a frame's longer side; see `HaarDetector`
LEAST_PIXELS = 32
BORDER = 0.15


class Detections(NamedTuple):
    """Faces in an image, the surest first.

    Attributes:
        boxes: float64 ``[k, 4]``, x0, y0, x1, y1 in pixels of the image.
        scores: float64 ``[k]``, NaN where nothing is known.
    """

    boxes: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, boxes: Sequence[Sequence[float]], scores: Sequence[float]) -> Detections:
        """From rows, sorted by score."""
        rows = np.asarray(boxes, np.float64).reshape(-1, 4)
        order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
        return cls(rows[order], np.asarray(scores, np.float64)[order])


class FaceDetector(Protocol):
    """Something that gives boxes.

    Attributes:
        searches: whether it looks into the image, so that a face that it does not find may be gone; its boxes are then
            those of faces, else those of the network's points.
    """

    searches: bool

    def detect(self, image: np.ndarray, frame: int = 0, profile: bool = True) -> Detections:
        """Faces in an RGB image ``[H, W, 3]`` (uint8), the ``frame``-th of a video; ``profile``: turned ones too."""


class Cascade(NamedTuple):
    """A cascade of OpenCV, and where landmarks lie in its boxes.

    Attributes:
        file: in ``cv2.data.haarcascades``.
        middle: from the middle of its box to that of the landmarks' box, right and down, as a share of its width.
        size: width and height of the landmarks' box, as shares of its width.
    """

    file: str
    middle: tuple[float, float]
    size: tuple[float, float]


# Medians over the 2,763 training faces of faces68 (68 points, 300W's order). `HaarDetector` with 0 and 1 for these
# numbers gave each face's window, which was compared with the tight box of its points. 2,720 were found by FRONTAL, 22
# of the others by PROFILE (seen in the mirror where it was), 21 by none; 20 windows were elsewhere. FRONTAL's middle is
# 0.007 to the side, quartiles -0.07 and 0.08 (turned heads; 0 here, as a mirror has it), and 0.172 down, 0.15 and 0.20.
FRONTAL = Cascade("haarcascade_frontalface_alt2.xml", (0.0, 0.172), (0.887, 0.854))
PROFILE = Cascade("haarcascade_profileface.xml", (-0.026, 0.130), (0.728, 0.724))


class HaarDetector:
    """Faces by OpenCV's cascades [0]: those that look at the viewer, and, if there are none, those that look aside.

    Larger images are searched at a longer side of 640 pixels. A score is the number of overlapping windows that found
    the face, 3 or more.

    A cascade's box has the forehead in it and the chin's tip often not; the landmarks' box is the other way round. What
    leads from one to the other is fixed: the median over faces that were detected in a set with 68 points (jaw, brows,
    nose, eyes, mouth). Turned faces differ from it by up to a fifth of their width to the side, which a second
    prediction, from the box of the first one's points, mends.

    Args:
        least_face: size of the smallest faces that are looked for, as a share of the image's longer side, but at least
            32 pixels of what is searched. Most of the time goes into the smallest: 0.075 takes half as long as 0.05.

    [0] Viola and Jones, Rapid Object Detection using a Boosted Cascade of Simple Features, CVPR 2001.
    """

    searches = True

    def __init__(self, least_face: float = 0.05):
        self._least_face = least_face
        self._frontal, self._profile = (
            cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, cascade.file))) for cascade in (FRONTAL, PROFILE)
        )

    def detect(self, image: np.ndarray, frame: int = 0, profile: bool = True) -> Detections:
        """Faces in an RGB image ``[H, W, 3]``, uint8; ``frame`` does not matter.

        Args:
            profile: where no face looks at the viewer, look for turned ones; takes three times as long.
        """
        grey, zoom, border = _searched(image)
        least = max(LEAST_PIXELS, round(self._least_face * zoom * max(image.shape[:2])))
        found = _windows(self._frontal, FRONTAL, grey, least)
        if not found and profile:
            found = _windows(self._profile, PROFILE, grey, least)
            last = grey.shape[1] - 1
            mirrored = np.ascontiguousarray(grey[:, ::-1])
            for (x0, y0, x1, y1), score in _windows(self._profile, PROFILE, mirrored, least):
                found.append((np.array([last - x1, y0, last - x0, y1]), score))
        # The middle of the first pixel is 0, so edges, not middles, are what zooming scales.
        boxes = [(box - border + 0.5) / zoom - 0.5 for box, _ in found]
        return Detections.of(boxes, [score for _, score in found])


def _searched(image: np.ndarray) -> tuple[np.ndarray, float, int]:
    """The grey image that is searched, its scale, and the pixels added on each side.

    In small pictures, which are often cut around a face, edges are repeated: cascades need something around a face.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    zoom = min(1.0, SEARCHED_SIDE / max(grey.shape))
    if zoom < 1:
        return cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), zoom, 0
    border = round(BORDER * max(grey.shape)) if max(grey.shape) < SEARCHED_SIDE else 0
    return cv2.copyMakeBorder(grey, border, border, border, border, cv2.BORDER_REPLICATE), 1.0, border


def _windows(
    classifier: cv2.CascadeClassifier, cascade: Cascade, grey: np.ndarray, least: int
) -> list[tuple[np.ndarray, float]]:
    """Landmark boxes and scores of what a cascade finds in windows of at least so many pixels."""
    windows, counts = classifier.detectMultiScale2(grey, scaleFactor=1.1, minNeighbors=3, minSize=(least, least))
    found = []
    for (left, top, width, height), count in zip(windows, counts, strict=True):
        middle = np.array([left + (width - 1) / 2, top + (height - 1) / 2]) + width * np.array(cascade.middle)
        half = width * np.array(cascade.size) / 2
        found.append((np.concatenate([middle - half, middle + half]), float(count)))
    return found


class FixedBoxes:
    """Boxes that somebody gave, of an image (frame 0) or of frames of a video."""

    searches = False

    def __init__(self, frames: Mapping[int, Detections]):
        self._frames = dict(frames)

    def detect(self, image: np.ndarray, frame: int = 0, profile: bool = True) -> Detections:
        """Those of a frame, whatever the image."""
        return self._frames.get(frame, Detections.of([], []))


class WholeImage:
    """One box an image, such that the crop around it is the image, or the square around the image.

    Args:
        margin: of the crop around the box, see `tasks.landmarks.crop.square_crop`.
        stretch: pixels of the crop around the box where it is stretched, see `stretched_crop` there.
    """

    searches = False

    def __init__(self, margin: float, stretch: float | None = None):
        self._margin, self._stretch = margin, stretch

    def detect(self, image: np.ndarray, frame: int = 0, profile: bool = True) -> Detections:
        """The box in the middle of the image ``[H, W, 3]``."""
        middle = np.array([image.shape[1], image.shape[0]]) / 2 - 0.5
        if self._stretch is None:
            half = max(image.shape[:2]) / (2 * (1 + 2 * self._margin))
        else:
            half = np.maximum(middle + 0.5 - self._stretch, 0)
        return Detections.of([[*(middle - half), *(middle + half)]], [np.nan])


class GivenBoxes:
    """Boxes of many images and videos, as `read_boxes` finds them in a file.

    Args:
        boxes: name of the image or video -> its boxes by frame.
    """

    def __init__(self, boxes: Mapping[str, Mapping[int, Detections]]):
        self._boxes = {Path(name).parts: found for name, found in boxes.items()}

    def of(self, source: str | Path) -> FixedBoxes:
        """Those under the path of a file, or under the end of it, such as its name alone; the longest match."""
        parts = Path(source).parts
        for length in range(len(parts), 0, -1):
            if parts[-length:] in self._boxes:
                return FixedBoxes(self._boxes[parts[-length:]])
        return FixedBoxes({})


def read_boxes(path: str | Path) -> GivenBoxes:
    """Boxes from a file, in pixels; (0, 0) is the middle of the first pixel.

    - CSV with a head line: ``image,x0,y0,x1,y1`` and, if wanted, ``score`` and ``frame`` (of a video, from 0 on);
    - JSON: a list of objects ``{"image": …, "box": [x0, y0, x1, y1], "score": …, "frame": …}``, or one object
      ``{"photo.jpg": [[x0, y0, x1, y1], …], …}``.

    Raises:
        DataError: if the file cannot be read, or a box is none; names the file and the row.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(json.loads(text)) if path.suffix.lower() == ".json" else _csv_rows(text)
    except OSError as error:
        raise DataError(f"expected boxes in {path} but found: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"expected boxes (CSV with image,x0,y0,x1,y1, or JSON) in {path} but found: {error!r}"
        ) from error
    found: dict[str, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for number, row in enumerate(rows, 1):
        image, frame, box, score = _checked(row, f"{path} (box {number})")
        found[image][frame].append((box, score))
    return GivenBoxes(
        {
            image: {frame: Detections.of(*zip(*faces, strict=True)) for frame, faces in frames.items()}
            for image, frames in found.items()
        }
    )


def check_box(box: Sequence[Any], where: str) -> list[float]:
    """x0, y0, x1, y1 as numbers.

    Raises:
        DataError: unless they are finite and x0 < x1, y0 < y1.
    """
    try:
        x0, y0, x1, y1 = numbers = [float(number) for number in box]
        if np.isfinite(numbers).all() and x0 < x1 and y0 < y1:
            return numbers
    except (TypeError, ValueError):
        pass
    raise DataError(f"expected a box x0 y0 x1 y1 with x0 < x1 and y0 < y1 but found {box!r} in {where}")


def _checked(row: Mapping[str, Any], where: str) -> tuple[str, int, list[float], float]:
    try:
        score = row.get("score")
        return (
            str(row["image"]),
            int(row.get("frame") or 0),
            check_box(row["box"], where),
            float("nan" if score in (None, "") else score),
        )
    except KeyError as error:
        raise DataError(f"expected {error.args[0]!r} but found {', '.join(map(str, row))} in {where}") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"expected numbers as score and frame but found {error} in {where}") from error


def _json_rows(content: Any) -> list[Mapping[str, Any]]:
    if isinstance(content, Mapping):
        return [{"image": image, "box": box} for image, boxes in content.items() for box in boxes]
    return [dict(row) for row in content]


def _csv_rows(text: str) -> list[Mapping[str, Any]]:
    corners = ("x0", "y0", "x1", "y1")
    return [{**row, "box": [row[name] for name in corners]} for row in csv.DictReader(text.splitlines())]
