"""Images in files, and the files that a command line names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from PIL import ExifTags, Image

from common.errors import DataError

Value = TypeVar("Value")

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
_ON_ITS_SIDE = range(5, 9)  # EXIF orientations that swap width and height


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as RGB ``[H, W, 3]``, uint8, upright: turned as its EXIF orientation says, as viewers show it.

    Raises:
        DataError: if the file is missing or is not an image.
    """
    try:
        # Bytes first: OpenCV itself can't open names outside the code page of some systems.
        encoded = np.frombuffer(Path(path).read_bytes(), dtype=np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    except (OSError, cv2.error) as error:
        raise DataError(f"expected a readable image but found {error} in {path}; check the file") from error
    if image is None:
        raise DataError(f"expected an image but found {encoded.size} bytes of something else in {path}; replace it")
    return image


def stored_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels from the head of an image's file, before any turning that its EXIF asks for.

    Raises:
        DataError: if the file is missing or is not an image.
    """
    return _from_head(path, lambda image: image.size)


def upright_size(path: str | Path) -> tuple[int, int]:
    """Width and height in pixels as `read_image` and mmcv's default give the image: turned as its EXIF says.

    Raises:
        DataError: if the file is missing or is not an image.
    """
    width, height = stored_size(path)
    orientation = _from_head(path, lambda image: image.getexif().get(ExifTags.Base.Orientation))
    return (height, width) if orientation in _ON_ITS_SIDE else (width, height)


def _from_head(path: str | Path, what: Callable[[Image.Image], Value]) -> Value:
    try:
        with Image.open(path) as image:
            return what(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"expected an image at {path} but found: {error}") from error


def find_files(
    inputs: Sequence[str | Path],
    skip: Path | None = None,
    suffixes: Sequence[str] = IMAGE_SUFFIXES,
    what: str = "images",
) -> list[tuple[Path, Path]]:
    """The files named by ``inputs`` and in the folders among them.

    Args:
        inputs: files, and folders that are searched with all that lies below.
        skip: a folder to pass over, so that results written below an input are not taken for new files.
        suffixes: of the files that are looked for in folders, in small letters.
        what: they are, for messages.

    Returns:
        Pairs of the file and the name (relative, without suffix) that its results get; names differ.

    Raises:
        DataError: if an input does not exist or a folder holds no such file.
    """
    found: list[tuple[Path, Path]] = []
    for entry in map(Path, inputs):
        if entry.is_dir():
            files = sorted(path for path in entry.rglob("*") if path.suffix.lower() in suffixes)
            files = [path for path in files if skip is None or not path.resolve().is_relative_to(skip.resolve())]
            if not files:
                kinds = ", ".join(suffix[1:] for suffix in suffixes)
                raise DataError(f"expected {what} ({kinds}) but found none in {entry}; name another folder")
            found += [(path, path.relative_to(entry)) for path in files]
        elif entry.exists():
            found.append((entry, Path(entry.name)))
        else:
            raise DataError(f"expected {what} or a folder but found nothing at {entry}; check the path")
    return _with_names(found)


def _with_names(found: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    stems = Counter(name.with_suffix("") for _, name in found)
    taken: Counter[Path] = Counter()
    pairs = []
    for path, name in found:
        # a.png and a.jpg beside each other become a_png and a_jpg; two of the same full name are numbered.
        stem = name.with_suffix("")
        if stems[stem] > 1:
            stem = name.with_name(name.name.replace(".", "_"))
        taken[stem] += 1
        pairs.append((path, stem if taken[stem] == 1 else stem.with_name(f"{stem.name}_{taken[stem]}")))
    return pairs
