"""Faces followed from frame to frame: the box of a face's last points, moved on, is its crop in the next frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from common.errors import ConfigError
from tasks.landmarks.crop import box_of, square_crop, warp
from tasks.landmarks.detector import FaceDetector
from tasks.landmarks.landmarker import Landmarker
from tasks.landmarks.smoothing import OneEuroFilter

SAME_FACE = 0.3  # boxes whose intersection is more than this share of their union are of one face
PATIENCE = 3  # searches that may pass over a face before it counts as gone
# Of a face's size from one frame to the next; another factor is no face any more.
LARGEST_CHANGE = 1.6
LEAST_INSIDE = 0.5  # share of a face's box that must be in the image
# Correlation of what is in a face's box with what was there a frame ago; ours: in a clip of a face that moves, turns
# and grows, 25 frames a second, it was 0.93 to 1, and -0.1 when the face was taken out.
LEAST_LIKENESS = 0.6
LOOK = 16  # side of the small grey pictures that are compared
# Of a face's size: by so much a box trembles. A crop that followed that would sway at rest: on clips of real faces
# jitter at rest was 0.9 % of the distance of the eyes without steps, 2.5 with whole and 1.1 with shortened ones.
TREMBLE = 0.01
JUMP = 0.5  # of a face's size: points that jump further are not smoothed over


@dataclass(frozen=True)
class Smoothing:
    """How points are steadied; see `tasks.landmarks.smoothing.OneEuroFilter`.

    The defaults are ours: at 30 frames a second and independent errors of 1 % of the face's size, a quarter of the
    jitter is left of points at rest, and points that move by one size in a second lag by 0.7 % of it.

    Attributes:
        min_cutoff: in Hz, for points at rest.
        beta: rise of the cutoff, in Hz, for each size of the face (the longer side of its box) that a point moves in a
            second.

    Raises:
        ConfigError: for values out of their range.
    """

    min_cutoff: float = 0.5
    beta: float = 20.0

    def __post_init__(self) -> None:
        if not (self.min_cutoff > 0 and self.beta >= 0):
            raise ConfigError(
                f"expected --min-cutoff above 0 and --beta of at least 0 but found {self.min_cutoff} and {self.beta}"
            )

    def filter(self) -> OneEuroFilter:
        """A filter for points in sizes of the face."""
        return OneEuroFilter(self.min_cutoff, self.beta, jump=JUMP)


@dataclass
class TrackedFace:
    """A face in a frame.

    Attributes:
        track: number of the face in the video, from 0 on; one that is lost and found again gets a new one.
        points: float64 ``[n, 2]`` in pixels of the frame, smoothed.
        raw: the same as the network gave them.
        score: of the last detection, NaN where it has none.
        detected: whether the detector saw it in this frame; else it was followed.
    """

    track: int
    points: np.ndarray
    raw: np.ndarray
    score: float
    detected: bool


class _Track:
    def __init__(self, number: int, score: float, smoothing: Smoothing | None):
        self.number, self.score, self.passed_over = number, score, 0
        self.points = np.empty((0, 2))
        self.step = np.zeros(2)  # of its box's middle from the frame before
        self.look = np.zeros((LOOK, LOOK))
        self.detected, self.is_doubted = True, False
        self._filter = None if smoothing is None else smoothing.filter()
        self._unit = 1.0

    def start(self, points: np.ndarray, image: np.ndarray) -> None:
        """Put it at its first points; what is smoothed is measured in the size that the face has here."""
        self.points, self._unit = points, max(_side(box_of(points)), 1.0)
        self.look = _look(image, box_of(points))

    def move(self, points: np.ndarray, image: np.ndarray) -> None:
        """Put it at its points in the next frame; one that looks otherwise there is doubted."""
        look = _look(image, box_of(points))
        self.is_doubted = float((look * self.look).mean()) < LEAST_LIKENESS
        self.step = _step(box_of(self.points), box_of(points))
        self.points, self.look, self.detected = points, look, False

    def face(self, seconds: float) -> TrackedFace:
        steady = self.points
        if self._filter is not None:
            steady = self._filter(self.points / self._unit, seconds) * self._unit
        return TrackedFace(self.number, steady, self.points, self.score, self.detected)


class FaceTracker:
    """Finds faces and follows them.

    A face is followed by cutting each frame at the box of its points in the frame before, moved on as it moved last.
    The detector looks at every frame in which no face is followed, or one was lost or looks otherwise at once, and at
    every ``detect_every``-th. A followed face is lost if its box changes its size at once or leaves the image, or if
    the detector passes over it, looking for turned faces around it too: three times, or once where it looks otherwise
    at once. A new face is followed if the detector sees it again in a closer look at where its points are. So one that
    comes in beside others is seen up to ``detect_every`` frames later.

    Args:
        landmarker: the network.
        detector: of new faces.
        refine: of a face's first points; see `Landmarker.points`.
        detect_every: frames from one search to the next.
        most: faces at a time, the surest first; None for all.
        smoothing: of what comes out; None leaves points as they are. What is followed are the points as they are.

    Raises:
        ConfigError: for less than one frame or face.
    """

    def __init__(
        self,
        landmarker: Landmarker,
        detector: FaceDetector,
        refine: int | None = None,
        detect_every: int = 10,
        most: int | None = None,
        smoothing: Smoothing | None = None,
    ):
        if detect_every < 1 or (most is not None and most < 1):
            raise ConfigError(f"expected --detect-every and --faces of at least 1 but found {detect_every} and {most}")
        self.landmarker, self.detector, self.refine = landmarker, detector, refine
        self.detect_every, self.most, self.smoothing = detect_every, most, smoothing
        self.tracks = 0
        self._followed: list[_Track] = []
        self._searched: int | None = None

    def step(self, image: np.ndarray, frame: int, seconds: float) -> list[TrackedFace]:
        """The faces in the next frame.

        Args:
            image: RGB ``[H, W, 3]``, uint8.
            frame: its number.
            seconds: when it was taken, later than those before.
        """
        before = len(self._followed)
        self._follow(image)
        is_lost = len(self._followed) < before
        is_due = self._searched is None or frame - self._searched >= self.detect_every
        is_doubted = any(track.is_doubted for track in self._followed)
        if is_due or is_lost or is_doubted or not self._followed:
            self._searched = frame
            self._search(image, frame)
        return [track.face(seconds) for track in self._followed]

    def _follow(self, image: np.ndarray) -> None:
        boxes = [box_of(track.points) for track in self._followed]
        kept: list[_Track] = []
        # A face goes on moving: a crop where it was would lag behind it, and the points with the crop.
        ahead = [box + np.tile(track.step, 2) for track, box in zip(self._followed, boxes, strict=True)]
        for track, box, points in zip(self._followed, boxes, self.landmarker.points(image, ahead, 0), strict=True):
            new = box_of(points)
            is_double = any(overlap(new, box_of(other.points)) > 0.5 for other in kept)
            if not is_double and _is_likely(new, box, image):
                track.move(points, image)
                kept.append(track)
        self._followed = kept

    def _search(self, image: np.ndarray, frame: int) -> None:
        found = self.detector.detect(image, frame, profile=False)
        free = list(range(len(found.boxes)))
        for track in self._followed:
            own = self._detectors_box(track.points)
            best = max(free, key=lambda place: overlap(found.boxes[place], own), default=None)
            if best is not None and overlap(found.boxes[best], own) > SAME_FACE:
                free.remove(best)
                track.score, track.detected, track.passed_over = float(found.scores[best]), True, 0
            elif self.detector.searches and self._is_there(image, own):
                track.passed_over = 0
            elif self.detector.searches:
                track.passed_over += PATIENCE if track.is_doubted else 1
        self._followed = [track for track in self._followed if track.passed_over < PATIENCE]
        room = len(free) if self.most is None else max(0, self.most - len(self._followed))
        self._start(image, [found.boxes[place] for place in free[:room]], found.scores[free[:room]])

    def _start(self, image: np.ndarray, boxes: Sequence[np.ndarray], scores: np.ndarray) -> None:
        found = self.landmarker.points(image, boxes, self.refine, self.detector.searches)
        for points, score in zip(found, scores, strict=True):
            own = box_of(points)
            if any(overlap(own, box_of(other.points)) > 0.5 for other in self._followed):
                continue  # two boxes of one face
            if self.detector.searches and not self._is_there(image, self._detectors_box(points)):
                continue  # what is no face seldom looks like one at another scale too
            track = _Track(self.tracks, float(score), self.smoothing)
            track.start(points, image)
            self.tracks += 1
            self._followed.append(track)

    def _detectors_box(self, points: np.ndarray) -> np.ndarray:
        """What the detector would call the box of a face with these points."""
        own = box_of(points)
        return self.landmarker.info.face.to_face(own) if self.detector.searches else own

    def _is_there(self, image: np.ndarray, box: np.ndarray) -> bool:
        """Whether the detector sees a face, turned ones too, around a face's box."""
        middle, reach = _middle(box), _side(box)
        x0, y0 = np.maximum(middle - reach, 0).astype(int)
        x1, y1 = np.maximum(middle + reach, 0).astype(int) + 1
        part = image[y0:y1, x0:x1]
        if not part.size:
            return False
        boxes = self.detector.detect(np.ascontiguousarray(part)).boxes + np.array([x0, y0, x0, y0])
        return any(overlap(found, box) > SAME_FACE for found in boxes)


def _look(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """What is in a box, small, grey and standardised: float64 ``[LOOK, LOOK]``."""
    grey = cv2.cvtColor(warp(image, square_crop(box, LOOK, 0.0), LOOK), cv2.COLOR_RGB2GRAY).astype(np.float64)
    return (grey - grey.mean()) / max(grey.std(), 1.0)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    corner, other = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    both = np.prod(np.maximum(other - corner, 0))
    either = np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - both
    return float(both / either) if either > 0 else 0.0


def _step(before: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How far a box has moved, shortened by what it may tremble: float64 ``[2]``."""
    step = _middle(box) - _middle(before)
    length = float(np.linalg.norm(step))
    return step * max(0.0, 1 - TREMBLE * _side(box) / length) if length > 0 else step


def _middle(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _side(box: np.ndarray) -> float:
    return float(np.max(box[2:] - box[:2]))


def _is_likely(box: np.ndarray, before: np.ndarray, image: np.ndarray) -> bool:
    """Whether a face of the last frame may have this box now."""
    if not np.isfinite(box).all() or not 1 / LARGEST_CHANGE < _side(box) / max(_side(before), 1.0) < LARGEST_CHANGE:
        return False
    inside = np.clip(box, 0, [image.shape[1] - 1, image.shape[0] - 1] * 2)
    area = np.prod(box[2:] - box[:2])
    return bool(area > 0 and np.prod(inside[2:] - inside[:2]) / area >= LEAST_INSIDE)
