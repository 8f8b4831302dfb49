"""Folders and files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.errors import DataError


def progress_bar() -> Progress:
    """Bar with count, time spent and time left."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())


def is_filled(folder: Path) -> bool:
    """Whether anything stands in the way at ``folder``."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place when the block ends without an error.

    What stood at ``folder`` before is removed only then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a PNG: RGB ``uint8 [H, W, 3]`` or a label ``uint8 [H, W]``.

    Raises:
        DataError: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}")
    encoded = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1]
    try:
        temporary.write_bytes(encoded.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"expected to write {path} but found: {error.strerror}; check the free space") from error


def read_image(path: Path, flag: int = cv2.IMREAD_COLOR_RGB) -> np.ndarray:
    """Read a picture (RGB unless ``flag`` says otherwise).

    Raises:
        DataError: if the file is missing or no picture.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else None
    if data is None:
        raise DataError(f"expected a picture but found no file {path}")
    image = cv2.imdecode(data, flag) if data.size else None
    if image is None:
        raise DataError(f"expected a picture but found {data.size} unreadable bytes in {path}; copy it again")
    return image
