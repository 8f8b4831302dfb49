"""Videos and cameras as frames with their times, and videos that are written whole or not at all."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import cv2
import numpy as np

from common.errors import ConfigError, DataError

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
CAMERA = "camera:"
DEFAULT_RATE = 25.0  # frames per second of what does not tell
# A video tells how many frames it has from its length and rate, and may be off by a few.
TOLD_SHARE = 0.98


class Frame(NamedTuple):
    """One picture of a video.

    Attributes:
        number: from 0 on.
        seconds: since the first, later than those before it.
        image: RGB ``[H, W, 3]``, uint8, upright as the video's own orientation says.
    """

    number: int
    seconds: float
    image: np.ndarray


class VideoReader:
    """Frames of a video file or a camera, one at a time; to be gone through once and closed, or used in ``with``.

    Args:
        source: a file, or ``'camera:0'`` and so on for what OpenCV numbers so.
        clock: seconds, for a camera's frames.

    Attributes:
        rate: frames per second, as the source tells.
        told: number of frames, as the source tells; 0 where it does not.
        live: whether frames come as time goes by.

    Raises:
        DataError: if there is no such file or camera, or it is not one that OpenCV can read.
        ConfigError: for a camera without a number.
    """

    def __init__(self, source: str | Path, clock: Callable[[], float] = time.monotonic):
        self.source = str(source)
        self.live = self.source.startswith(CAMERA)
        self._clock = clock
        self._capture = cv2.VideoCapture(_device(self.source) if self.live else _file(self.source))
        if not self._capture.isOpened():
            kind = "camera" if self.live else "video that OpenCV can read"
            raise DataError(f"expected a {kind} but found none at {self.source}; check it")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and rate > 0 else DEFAULT_RATE
        self.told = 0 if self.live else max(0, int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __len__(self) -> int:
        return self.told

    def __iter__(self) -> Iterator[Frame]:
        """All frames that can be read."""
        start = before = None
        number = 0
        while True:
            readable, image = self._capture.read()
            if not readable or image is None:
                return
            now = self._clock() if self.live else self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            start = now if start is None else start
            seconds = now - start
            if before is not None and not seconds > before:
                seconds = before + 1 / self.rate  # containers without times, or damaged ones
            before = seconds
            yield Frame(number, seconds, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1

    def missing(self, read: int) -> str | None:
        """What to say where much fewer frames could be read than the file tells; None where all is well."""
        if read >= TOLD_SHARE * self.told:
            return None
        return f"{self.source}: {read} of {self.told} frames could be read; the file is cut or damaged"

    def close(self) -> None:
        """Let go of the file or camera."""
        self._capture.release()

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _device(source: str) -> int:
    number = source.removeprefix(CAMERA)
    if not number.isdecimal():
        raise ConfigError(f"expected camera:0 or another number but found {source}")
    return int(number)


def _file(source: str) -> str:
    if not Path(source).is_file():
        raise DataError(f"expected a video but found nothing at {source}; check the path")
    return source


class VideoWriter:
    """An MP4 file (MPEG-4 part 2) that appears when the block ends well; memory does not grow with its length.

    Args:
        path: ends in ``.mp4``.
        rate: frames per second.

    Raises:
        DataError: if OpenCV cannot write it.
    """

    def __init__(self, path: str | Path, rate: float):
        self.path, self.rate = Path(path), rate
        self.frames = 0
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._temporary: Path | None = None

    def __enter__(self) -> VideoWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".tmp.mp4")
        os.close(handle)
        self._temporary = Path(name)
        return self

    def write(self, picture: np.ndarray, seconds: float | None = None) -> None:
        """Add a picture, RGB ``[H, W, 3]``; all have the size of the first.

        Args:
            picture: to add.
            seconds: when it was taken, since the first: it is repeated or left out so that the video plays as fast as
                that was. None adds it once.
        """
        if self._writer is None:
            self._open(picture)
        if picture.shape[1::-1] != self._size:
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)
        # An odd row or column would be cut off.
        below, right = (side % 2 for side in picture.shape[:2])
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
        due = 1 if seconds is None else math.floor(seconds * self.rate + 0.5) + 1 - self.frames
        for _ in range(due):
            self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            self.frames += 1

    def _open(self, picture: np.ndarray) -> None:
        self._size = picture.shape[1::-1]
        even = tuple(side + side % 2 for side in self._size)
        self._writer = cv2.VideoWriter(str(self._temporary), cv2.VideoWriter_fourcc(*"mp4v"), self.rate, even)
        if not self._writer.isOpened():
            raise DataError(f"expected OpenCV to write a video of {even[0]}x{even[1]} but it cannot, at {self.path}")

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._writer is not None:
            self._writer.release()
        if kind is None and self._writer is not None:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(self._temporary, 0o666 & ~umask)
            os.replace(self._temporary, self.path)
        else:
            self._temporary.unlink(missing_ok=True)
