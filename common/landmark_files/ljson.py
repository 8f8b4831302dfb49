"""LJSON files of menpo: the points of one image as JSON, y before x, pixels counted from 0 [0].

Version 2: ``{"version": 2, "landmarks": {"points": [[y, x], ...]}, "labels": [...]}``. Version 3 has such an object for
each of its ``groups`` by name; version 1 a list of ``groups`` whose ``landmarks`` are ``{"point": [y, x]}`` and
together are the points of one face. A point without a place is null, or has null for its coordinates. Which points
belong together and which are joined by lines is passed over: the scheme says so.

[0] menpo/io/input/landmark.py of menpo/menpo.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import DataError
from common.text_files import read_text


def read_ljson(path: str | Path, num_points: int | None = None) -> np.ndarray:
    """The points of an LJSON file.

    Of a file with several groups that with ``num_points`` points is taken.

    Args:
        path: the file.
        num_points: that it must have; None for any number.

    Returns:
        float32 ``[n, 2]``, x and y in pixels; (0, 0) is the middle of the first pixel.

    Raises:
        DataError: if the file cannot be read, is of another version or layout, has another number of points, leaves
            open which of its groups is meant, or has a point without a place.
    """
    path = Path(path)
    try:
        content = json.loads(read_text(path, "an LJSON file"))
    except ValueError as error:
        raise DataError(f"expected JSON in {path} but found: {error}") from error
    try:
        groups = _groups(content)
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"expected LJSON of version 1, 2 or 3 but found another layout in {path}: {type(error).__name__} {error}"
        ) from error
    if groups is None:
        found = content.get("version") if isinstance(content, dict) else None
        raise DataError(f"expected LJSON of version 1, 2 or 3 but found version {found!r} in {path}")
    return _points(_chosen(groups, num_points, path), path)


def _groups(content: Any) -> dict[str, list[Any]] | None:
    """Name -> points as they stand there; None for a version that is not known."""
    version = content.get("version") if isinstance(content, dict) else None
    if version == 1:
        return {"all": [landmark["point"] for group in content["groups"] for landmark in group["landmarks"]]}
    if version == 2:
        return {"all": list(content["landmarks"]["points"])}
    if version == 3:
        return {name: list(group["landmarks"]["points"]) for name, group in content["groups"].items()}
    return None


def _chosen(groups: dict[str, list[Any]], num_points: int | None, path: Path) -> list[Any]:
    fitting = {name: points for name, points in groups.items() if num_points in (None, len(points))}
    if len(fitting) != 1:
        wanted = "one group of points" if num_points is None else f"one group of {num_points} points"
        found = ", ".join(f"{len(points)} in {name!r}" for name, points in groups.items()) or "none"
        raise DataError(f"expected {wanted} but found {found} in {path}")
    return next(iter(fitting.values()))


def _points(values: list[Any], path: Path) -> np.ndarray:
    points = []
    for place, value in enumerate(values):
        pair = value if isinstance(value, list) else [value]
        if any(number is None for number in pair):
            raise DataError(f"expected a place for each point but found none for point {place} (from 0) in {path}")
        if len(pair) != 2 or not all(type(number) in (int, float) and np.isfinite(number) for number in pair):
            raise DataError(f"expected [y, x] for point {place} (from 0) but found {json.dumps(value)[:60]} in {path}")
        points.append(pair[::-1])
    if not points:
        raise DataError(f"expected points but found none in {path}")
    return np.array(points, np.float32)
