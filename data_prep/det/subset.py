"""Take some classes, or a small share with the same mixture, of a set of boxes; written as a COCO file.

    python data_prep/det/subset.py data/coco/annotations/instances_train2017.json --images data/coco/train2017 \\
        --classes person car --count 2000 --out data/coco/annotations/people_2000.json

A source is a COCO file, a table (.csv) or a folder in VOC's layout with ``--part``. With ``--classes``, other boxes are
left out, and pictures that are left without a box (keep those with ``--keep-empty``). With ``--count`` or ``--share``
pictures are drawn so that each class has its share of pictures [0], by a seed; ``--rest`` writes the others, so that a
set that came in one piece has a part to validate on. Pictures stay where they are: ``file_name`` is relative to
``--images``.

[0] Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011: iterative stratification,
    here into two parts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.box_files import BoxSet, write_coco
from common.errors import ConfigError, exit_on_user_error
from data_prep.det.reading import add_reading_options, read_any, reading_rules, refuse_existing, told_counts


def with_boxes(box_set: BoxSet) -> BoxSet:
    """The pictures of a set that have a box, ignored ones not counted."""
    return box_set.subset([place for place, image in enumerate(box_set.images) if (~image.ignored).any()])


def split_set(box_set: BoxSet, count: int, seed: int) -> tuple[BoxSet, BoxSet]:
    """A stratified draw of pictures from a set, and the others, both in the set's order.

    Args:
        box_set: any.
        count: pictures to draw.
        seed: of the draw.

    Raises:
        ConfigError: if ``count`` is not between 1 and the number of pictures.
    """
    if not 1 <= count <= len(box_set.images):
        raise ConfigError(f"expected a count of 1 to {len(box_set.images)} pictures but found {count}")
    presence = np.zeros((len(box_set.images), len(box_set.classes) + 1), bool)
    for place, image in enumerate(box_set.images):
        presence[place, image.labels[~image.ignored]] = True
    presence[:, -1] = ~presence.any(axis=1)  # pictures without boxes are a kind of their own
    drawn = stratified(presence, count, seed)
    return box_set.subset(np.flatnonzero(drawn)), box_set.subset(np.flatnonzero(~drawn))


def stratified(presence: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows drawn so that each column has about its share of them; the rarest column first.

    Args:
        presence: which row is of which columns, bool ``[rows, columns]``.
        count: rows to draw.
        seed: of the draw.

    Returns:
        Whether a row is drawn, bool ``[rows]``, exactly ``count`` times.

    >>> stratified(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool), 2, seed=0).reshape(2, 2).sum(axis=1)
    array([1, 1])
    """
    # RandomState's stream is frozen for good; a Generator's may change with NumPy's version.
    order = np.random.RandomState(seed).permutation(len(presence))
    presence = presence[order]
    wanted = np.outer([1 - count / len(presence), count / len(presence)], presence.sum(axis=0))
    room = [len(presence) - count, count]
    part = np.full(len(presence), -1)
    while (part < 0).any():
        left = presence[part < 0].sum(axis=0)
        columns = np.flatnonzero(left)
        rows = np.flatnonzero(part < 0)
        if len(columns):
            rarest = columns[left[columns].argmin()]
            rows = rows[presence[rows, rarest]]
        for row in rows:
            wishes = [
                (wanted[side, rarest] if len(columns) else 0.0, room[side], side) for side in (0, 1) if room[side]
            ]
            part[row] = max(wishes)[-1]
            room[part[row]] -= 1
            wanted[part[row], presence[row]] -= 1
    drawn = np.zeros(len(presence), bool)
    drawn[order] = part == 1
    return drawn


def make_subset(
    source: str | Path,
    out: str | Path,
    images: str | Path | None = None,
    part: str | None = None,
    classes: Sequence[str] | None = None,
    count: int | None = None,
    share: float | None = None,
    seed: int = 0,
    keep_empty: bool = False,
    rest: str | Path | None = None,
    force: bool = False,
    **rules,
) -> dict[Path, BoxSet]:
    """Write a part of a set as a COCO file.

    Args:
        source: a COCO file, a table or a folder in VOC's layout.
        out: the file to write.
        images: folder of the pictures; None is that of the source, or VOC's own.
        part: list of a folder in VOC's layout.
        classes: to keep, in the order of their labels; None keeps all.
        count: of pictures to draw; None takes all.
        share: the same as a share of the pictures, between 0 and 1.
        seed: of the draw.
        keep_empty: keep pictures that have no box of the classes; without ``classes`` they are always kept.
        rest: a file to write the others to.
        force: replace files.
        rules: ``rename``, ``outside`` and ``empty`` of the readers.

    Returns:
        What was written, by file.

    Raises:
        ConfigError: if the settings do not fit each other.
        DataError: if anything in the source is amiss, or files are there already.
    """
    if count is not None and share is not None:
        raise ConfigError("expected a count or a share but found both")
    if share is not None and not 0 < share < 1:
        raise ConfigError(f"expected a share between 0 and 1 but found {share}")
    if rest is not None and count is None and share is None:
        raise ConfigError("expected a count or a share to have a rest but found neither")
    files = [Path(out), *([Path(rest)] if rest is not None else [])]
    for file in files:
        refuse_existing(file, force)
    box_set, folder = read_any(source, images, part, classes=classes, unknown="drop" if classes else "refuse", **rules)
    if classes and not keep_empty:
        box_set = with_boxes(box_set)
    sets = [box_set]
    if count is not None or share is not None:
        sets = split_set(box_set, count if count is not None else max(1, round(share * len(box_set.images))), seed)
    written = dict(zip(files, sets, strict=False))
    for file, some in written.items():
        write_coco(file, some, folder)
    return written


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Take some classes or a stratified share of a set, as a COCO file.")
    parser.add_argument("source", type=Path, help="a COCO file, a table (.csv) or a folder in VOC's layout")
    parser.add_argument("--images", type=Path, help="folder of the pictures (default: of the source, or VOC's own)")
    parser.add_argument("--part", help="list of a folder in VOC's layout, such as trainval")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--count", type=int, help="pictures to draw")
    parser.add_argument("--share", type=float, help="share of the pictures to draw, such as 0.1")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default %(default)s)")
    parser.add_argument("--keep-empty", action="store_true", help="keep pictures without a box of --classes")
    parser.add_argument("--rest", type=Path, help="file for the pictures that were not drawn")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    add_reading_options(parser)
    options = parser.parse_args(arguments)
    settings = {key: value for key, value in vars(options).items() if key not in ("rename", "outside", "empty")}
    for file, box_set in make_subset(**{**settings, **reading_rules(options)}).items():
        print(f"{file}: {told_counts(box_set)}")


if __name__ == "__main__":
    raise SystemExit(main())
