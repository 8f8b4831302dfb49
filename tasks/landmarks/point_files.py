"""Found landmarks in JSON and PTS files; those of a video are written as they are found.

Pixels: (0, 0) is the middle of the first pixel of the upright picture, x goes to the right, y down.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import DataError
from common.json_lists import JsonList, open_list
from common.landmark_files.pts import write_pts
from common.video import Frame
from tasks.landmarks.crop import box_of
from tasks.landmarks.tracking import TrackedFace

PIXELS = "(0, 0) is the middle of the first pixel of the upright picture; x to the right, y down"
DECIMALS = 3
PTS_NAME = re.compile(r"\d{6,}(_\d+)?\.pts")


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
    with open_list(path, "faces") as rows:
        rows.start({**head, "pixels": PIXELS})
        for face in faces:
            rows.add(_values(face.points, face.score))
        rows.end()


class FrameList:
    """Takes the faces of a video frame by frame; see `open_frames`."""

    def __init__(self, rows: JsonList, head: Callable[[np.ndarray], Mapping[str, Any]], rate: float):
        self._rows, self._head, self._rate = rows, head, rate
        self._started = False

    def add(self, frame: Frame, faces: Sequence[TrackedFace]) -> None:
        """Write those of one frame."""
        if not self._started:
            self._rows.start({**self._head(frame.image), "frames_per_second": self._rate, "pixels": PIXELS})
            self._started = True
        found = [{"track": face.track, "detected": face.detected, **_values(face.points, face.score)} for face in faces]
        self._rows.add({"frame": frame.number, "seconds": round(frame.seconds, 6), "faces": found})

    def close(self, summary: Mapping[str, Any], notes: Sequence[str]) -> None:
        """Write what comes last."""
        self._rows.end({"summary": summary, "notes": notes})


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
    with open_list(path, "frames") as rows:
        yield FrameList(rows, head, rate)


@contextmanager
def open_pts(folder: Path) -> Iterator[Callable[[Frame, Sequence[TrackedFace]], None]]:
    """What writes the faces of a video's frames as PTS files, which appear together when the block ends well.

    A frame's first face is ``FRAME.pts``, with six digits or more, others ``FRAME_TRACK.pts``. They stand in a
    temporary folder until then, and replace all files of such names that are in ``folder``; others stay.

    Args:
        folder: where they appear; none is made for a video without faces.

    Raises:
        DataError: if the files cannot be written.
    """
    with _told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent)
    with temporary as new:

        def write(frame: Frame, faces: Sequence[TrackedFace]) -> None:
            for face in faces:
                name = f"{frame.number:06d}{f'_{face.track}' if face.track else ''}.pts"
                write_pts(Path(new, name), face.points)

        yield write
        with _told(folder):
            _replace_pts(folder, Path(new))


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"expected to write PTS files into {folder} but found: {error.strerror or error}") from error


def _replace_pts(folder: Path, new: Path) -> None:
    if folder.is_dir():
        for path in folder.iterdir():
            if PTS_NAME.fullmatch(path.name):
                path.unlink()
    found = sorted(new.iterdir())
    if found:
        folder.mkdir(exist_ok=True)
    for path in found:
        path.replace(folder / path.name)


def _values(points: np.ndarray, score: float) -> dict[str, Any]:
    return {
        "box": np.round(box_of(points), DECIMALS).tolist(),
        "score": None if math.isnan(score) else float(score),
        "points": np.round(np.asarray(points, np.float64), DECIMALS).tolist(),
    }
