"""PTS files: the points of one face as lines of text.

    version: 1
    n_points: 68
    {
    446.000 91.000
    ...
    }

Files count pixels from 1 [0]; in memory (0, 0) is the middle of the first pixel, so 1 is subtracted.

[0] menpo's importer of PTS, the library of the set's authors.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from common.atomic import atomic_write
from common.errors import DataError
from common.text_files import as_numbers, read_text

_COMMENT = re.compile(r"(#|//).*")
_LAYOUT = "n_points: N, then '{', N lines 'x y' and '}'"

# The number of a line, from 1 on, and its words.
Row = tuple[int, list[str]]


def read_pts(path: str | Path, num_points: int | None = None) -> np.ndarray:
    """The points of a PTS file.

    Empty lines, comments (from ``#`` or ``//`` on), any white space and any line ends are fine; the version may be
    missing.

    Args:
        path: the file.
        num_points: that it must have; None for any number.

    Returns:
        float32 ``[n, 2]``, x and y in pixels; (0, 0) is the middle of the first pixel.

    Raises:
        DataError: if the file cannot be read, is cut, has another number of points than it says or than it must have,
            or something that is no finite number among them.
    """
    path = Path(path)
    rows = [
        (number, words)
        for number, line in enumerate(read_text(path, "a PTS file").splitlines(), 1)
        if (words := _COMMENT.sub("", line).split())
    ]
    header, body = _between_braces(rows, path)
    told, line = _told_points(header, path)
    if num_points is not None and told != num_points:
        raise DataError(f"expected a PTS file with n_points: {num_points} but found {told} in {path} (line {line})")
    for number, words in body:
        if len(words) != 2:
            raise DataError(f"expected a point 'x y' but found {' '.join(words)[:60]!r} in {path} (line {number})")
    if len(body) != told:
        raise DataError(
            f"expected {told} points, as n_points says (line {line}), but found {len(body)} in {path}; "
            "label the face anew or mend n_points"
        )
    points = [as_numbers(words, f"{path} (line {number})") for number, words in body]
    return (np.array(points).reshape(-1, 2) - 1).astype(np.float32)


def pts_text(points: np.ndarray) -> str:
    """What a PTS file holds, with three decimals; `read_pts` reads it.

    Args:
        points: ``[n, 2]``, x and y in pixels; (0, 0) is the middle of the first pixel.

    Raises:
        DataError: if points are no finite ``[n, 2]``.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise DataError(f"expected points [n, 2] for a PTS file but found {list(points.shape)}")
    if not np.isfinite(points).all():
        raise DataError(f"expected finite points for a PTS file but found {points[~np.isfinite(points)][0]}")
    lines = [f"{x:.3f} {y:.3f}" for x, y in points + 1]
    return "\n".join(["version: 1", f"n_points: {len(points)}", "{", *lines, "}", ""])


def write_pts(path: str | Path, points: np.ndarray) -> None:
    """Write a PTS file that appears whole or not at all; its folder is made if it is not there. See `pts_text`.

    Raises:
        DataError: as `pts_text`, or if the file cannot be written.
    """
    text = pts_text(points)
    try:
        with atomic_write(path, "w") as file:
            file.write(text)
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror}") from error


def _between_braces(rows: list[Row], path: Path) -> tuple[list[Row], list[Row]]:
    """The lines before the braces, and those between them."""
    words = [row[1] for row in rows]
    for brace in ("{", "}"):
        if words.count([brace]) != 1:
            raise DataError(
                f"expected one line {brace!r} but found {words.count([brace])} in {path}; a PTS file has {_LAYOUT}"
            )
    start, end = words.index(["{"]), words.index(["}"])
    if end < start:
        raise DataError(f"expected '{{' before '}}' but found '}}' first in {path} (line {rows[end][0]})")
    if end + 1 < len(rows):
        raise DataError(f"expected nothing after '}}' but found text in {path} (line {rows[end + 1][0]})")
    return rows[:start], rows[start + 1 : end]


def _told_points(header: list[Row], path: Path) -> tuple[int, int]:
    """What ``n_points`` says, and its line."""
    for number, words in header:
        key, _, value = " ".join(words).partition(":")
        if key.strip().lower() == "n_points":
            if not value.strip().isdecimal():
                raise DataError(
                    f"expected a whole number after n_points: but found {value!r} in {path} (line {number})"
                )
            return int(value), number
    raise DataError(f"expected n_points: before '{{' but found none in {path}; a PTS file has {_LAYOUT}")
