"""What the commands of this folder ask of a set that they read, and the files that they write."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from common.box_files import BoxSet, read_coco, read_table, read_voc
from common.box_files.voc import IMAGES
from common.errors import ConfigError, DataError


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Give a command line the options that `reading_rules` understands."""
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="in the order of their labels (default: all)")
    parser.add_argument(
        "--rename", nargs="+", default=[], metavar="OLD=NEW", help="names in the files that are classes"
    )
    parser.add_argument("--outside", choices=("refuse", "clip"), default="refuse", help="boxes that leave the picture")
    parser.add_argument("--empty", choices=("refuse", "drop"), default="refuse", help="boxes without area")


def reading_rules(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments of the readers of `common.box_files`.

    Raises:
        ConfigError: for a renaming that is none.
    """
    rename = {}
    for pair in options.rename:
        old, sign, new = pair.partition("=")
        if not (old and sign and new):
            raise ConfigError(f"expected --rename OLD=NEW but found {pair!r}")
        rename[old] = new
    classes = tuple(options.classes) if options.classes else None
    return {"classes": classes, "rename": rename, "outside": options.outside, "empty": options.empty}


def read_any(source: str | Path, images: str | Path | None, part: str | None, **rules: Any) -> tuple[BoxSet, Path]:
    """A set of any layout, told by what the source is, and the folder of its pictures.

    Args:
        source: a COCO file (.json), a table (.csv), or a folder in VOC's layout.
        images: folder of the pictures; None is that of the file, or VOC's own.
        part: list of a folder in VOC's layout.
        rules: see the readers.

    Raises:
        ConfigError: for a part that is missing or of no use.
        DataError: if the source is neither, or anything in it is amiss.
    """
    source = Path(source)
    if source.is_dir():
        if not part:
            raise ConfigError(f"expected the part of {source} to read but found none; name a list, as --part trainval")
        return read_voc(source, part, **rules), source / IMAGES
    if part:
        raise ConfigError(f"expected a folder in VOC's layout for --part {part} but found {source}; leave --part out")
    readers = {".json": read_coco, ".csv": read_table}
    if source.suffix.lower() not in readers:
        raise DataError(f"expected a COCO file (.json), a table (.csv) or a folder in VOC's layout but found {source}")
    folder = source.parent if images is None else Path(images)
    return readers[source.suffix.lower()](source, folder, **rules), folder


def refuse_existing(path: Path, force: bool) -> None:
    """Do not write over a file unless told to.

    Raises:
        DataError: if something is at ``path``.
    """
    if path.exists() and not force:
        raise DataError(f"expected to write a new file but found {path}; name another, or replace it with --force")


def told_counts(box_set: BoxSet) -> str:
    """Pictures and boxes of a set in words."""
    counts = ", ".join(f"{name} {count}" for name, count in box_set.counts().items())
    return f"{len(box_set.images)} pictures, boxes: {counts}"
