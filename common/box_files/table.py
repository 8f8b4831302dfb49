"""Tables of boxes: comma-separated, with a head, one box to a line.

    image,xmin,ymin,xmax,ymax,label
    a.jpg,10,20,60,80,car
    b.jpg,,,,,

Columns stand in any order, others are passed over, and an optional column ``difficult`` (0 or 1) marks boxes to ignore.
A picture without boxes has a line with empty cells. Pixels are counted from 0 and a box ends before ``xmax`` and
``ymax``; a table made from VOC's files without change is read with ``first_pixel=1``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from common.box_files.box_set import BoxSet
from common.box_files.rules import RawBox, RawImage, Rules, build_set, picture_size
from common.errors import ConfigError, DataError, did_you_mean
from common.text_files import as_numbers, read_text

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
# The names that other tools give to the columns.
_ALIASES = {
    "image": ("image", "image_path", "filename", "file_name", "file", "path"),
    "label": ("label", "class", "category", "name"),
    **{corner: (corner,) for corner in _CORNERS},
}
_OPTIONAL = "difficult"


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]


def read_table(
    csv_file: str | Path,
    image_root: str | Path,
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    unknown: str = "refuse",
    outside: str = "refuse",
    empty: str = "refuse",
    first_pixel: int = 0,
) -> BoxSet:
    """The pictures and boxes of a table.

    Sizes are read from the pictures.

    Args:
        csv_file: the table.
        image_root: folder that the pictures' paths are in.
        classes: names, by label; None takes those of the table in the order of the alphabet.
        rename: from names in the table to classes.
        unknown: ``'refuse'`` or ``'drop'`` boxes of names that are no class.
        outside: ``'refuse'`` or ``'clip'`` boxes that leave their picture by more than a pixel.
        empty: ``'refuse'`` or ``'drop'`` boxes without area.
        first_pixel: what the table calls the first pixel: 0 where a box ends before ``xmax``, 1 where that is its last
            pixel, as in VOC's files.

    Returns:
        The pictures in the order in which the table first names them.

    Raises:
        ConfigError: if classes and rules do not fit each other.
        DataError: if the table or a picture is not there, a column is missing, or a line is malformed; names the line.
    """
    rules = Rules(classes, rename, unknown, outside, empty)
    if first_pixel not in (0, 1):
        raise ConfigError(f"expected first_pixel 0 or 1 but found {first_pixel!r}")
    path = Path(csv_file)
    rows: dict[str, list[RawBox]] = {}
    first: dict[str, str] = {}
    for row in _rows(path):
        where = f"line {row.line} of {path}"
        image = row.cells["image"]
        if not image:
            raise DataError(f"expected an image of {where} but found an empty cell")
        boxes = rows.setdefault(image, [])
        first.setdefault(image, where)
        told = [row.cells[column] for column in (*_CORNERS, "label")]
        if any(told):
            boxes.append(_box(row, first_pixel, where))
    root = Path(image_root)
    images = [
        RawImage(number, root / image, image, picture_size(root / image, first[image]), boxes)
        for number, (image, boxes) in enumerate(rows.items(), 1)
    ]
    return build_set(images, rules, path)


def _rows(path: Path) -> list[_Row]:
    lines = csv.reader(read_text(path, "a table of boxes").splitlines())
    try:
        rows = [(lines.line_num, [cell.strip() for cell in cells]) for cells in lines if any(map(str.strip, cells))]
    except csv.Error as error:
        raise DataError(
            f"expected comma-separated cells but found: {error} (line {lines.line_num} of {path})"
        ) from error
    if not rows:
        raise DataError(f"expected a table of boxes but found no text in {path}")
    head = rows[0][1]
    columns = _columns(head, path)
    for line, cells in rows[1:]:
        if len(cells) != len(head):
            raise DataError(
                f"expected {len(head)} cells, as in the head, but found {len(cells)} in line {line} of {path}"
            )
    return [_Row(line, {name: cells[place] for name, place in columns.items()}) for line, cells in rows[1:]]


def _columns(head: Sequence[str], path: Path) -> dict[str, int]:
    names = [name.lower() for name in head]
    places = {}
    for column, aliases in _ALIASES.items():
        there = [name for name in aliases if name in names]
        if not there:
            raise DataError(
                f"expected a head with the columns {', '.join(_ALIASES)} but found no {column} in {path}: "
                f"{', '.join(head)}{did_you_mean(column, names)}"
            )
        places[column] = names.index(there[0])
    return {**places, _OPTIONAL: names.index(_OPTIONAL)} if _OPTIONAL in names else places


def _box(row: _Row, first_pixel: int, where: str) -> RawBox:
    left, top, right, bottom = as_numbers(
        [row.cells[corner] for corner in _CORNERS], f"{', '.join(_CORNERS)} of {where}"
    ).tolist()
    if not row.cells["label"]:
        raise DataError(f"expected a label of the box of {where} but found an empty cell")
    difficult = row.cells.get(_OPTIONAL) or "0"
    if difficult not in ("0", "1"):
        raise DataError(f"expected {_OPTIONAL} 0 or 1 of {where} but found {difficult!r}")
    corners = (left - first_pixel, top - first_pixel, right, bottom)
    return RawBox(row.line, row.cells["label"], corners, difficult == "1", where)
