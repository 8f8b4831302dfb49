"""Found landmarks in JSON files; those of a video are written as they are found.

Pixels: (0, 0) is the middle of the first pixel of the upright picture, x goes to the right, y down.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from common.atomic import atomic_write
from common.errors import DataError
from tasks.landmarks.crop import box_of
from tasks.landmarks.tracking import TrackedFace
from tasks.landmarks.video import Frame

PIXELS = "(0, 0) is the middle of the first pixel of the upright picture; x to the right, y down"
DECIMALS = 3


@dataclass(frozen=True)
class FoundFace:
    """A face in an image.

    Attributes:
        points: ``[n, 2]`` in pixels.
        score: of the detector, NaN where it gave none.
    """

    points: np.ndarray
    score: float


def write_image_faces(path: Path, head: Mapping[str, Any], faces: Sequence[FoundFace]) -> None:
    """Write ``head`` and ``faces``, each with ``box`` (tight around the points), ``score`` (or null) and ``points``.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            file.write(_opened(head, "faces"))
            file.write(",".join(f"\n    {json.dumps(_values(face.points, face.score))}" for face in faces))
            file.write("\n  ]\n}\n")
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error


class FrameList:
    """Takes the faces of a video frame by frame; see `open_frames`."""

    def __init__(self, file: IO[str], head: Callable[[np.ndarray], Mapping[str, Any]], rate: float):
        self._file, self._head, self._rate = file, head, rate
        self._separator = ""

    def add(self, frame: Frame, faces: Sequence[TrackedFace]) -> None:
        """Write those of one frame."""
        if not self._separator:
            self._file.write(_opened({**self._head(frame.image), "frames_per_second": self._rate}, "frames"))
        rows = [{"track": face.track, "detected": face.detected, **_values(face.points, face.score)} for face in faces]
        row = {"frame": frame.number, "seconds": round(frame.seconds, 6), "faces": rows}
        self._file.write(f"{self._separator}\n    {json.dumps(row)}")
        self._separator = ","

    def close(self, summary: Mapping[str, Any], notes: Sequence[str]) -> None:
        """Write what comes last."""
        tail = json.dumps({"summary": summary, "notes": notes}, indent=2, ensure_ascii=False)
        self._file.write("\n  ]," + tail.removeprefix("{") + "\n")


@contextmanager
def open_frames(path: Path, head: Callable[[np.ndarray], Mapping[str, Any]], rate: float) -> Iterator[FrameList]:
    """A file for the faces of a video, which appears when the block ends well.

    It holds the head, ``frames``, a line each, ``summary`` and ``notes``. A frame has ``frame`` (from 0 on),
    ``seconds`` and ``faces``, and a face ``track``, ``detected`` (else followed), ``box`` (tight around the points),
    ``score`` (of the last detection, or null) and ``points``.

    Args:
        path: the file.
        head: what to say first, of the first picture ``[H, W, 3]``.
        rate: frames per second.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            yield FrameList(file, head, rate)
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error


def _opened(head: Mapping[str, Any], listed: str) -> str:
    """JSON up to where the list begins."""
    text = json.dumps({**head, "pixels": PIXELS}, indent=2, ensure_ascii=False)
    return text.removesuffix("\n}") + f',\n  "{listed}": ['


def _values(points: np.ndarray, score: float) -> dict[str, Any]:
    return {
        "box": np.round(box_of(points), DECIMALS).tolist(),
        "score": None if math.isnan(score) else float(score),
        "points": np.round(np.asarray(points, np.float64), DECIMALS).tolist(),
    }
