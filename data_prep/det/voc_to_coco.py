"""Convert parts of a set in VOC's layout to COCO files.

    python data_prep/det/voc_to_coco.py data/VOCdevkit/VOC2007 --parts trainval test
    python data_prep/det/voc_to_coco.py data/VOCdevkit/VOC2007 data/VOCdevkit/VOC2012 --parts trainval \\
        --out data/VOCdevkit/voc0712

Written is ``OUT/PART.json``, by default into the (first) set's folder. Pictures stay where they are: ``file_name`` is
relative to the set's ``JPEGImages``, and of several sets, which are joined, to the folder that they have in common.
Difficult objects become crowds, which COCO's evaluation leaves out.

All files have the same categories: ``--classes``, or all names that the parts have, in the order of the alphabet (which
is the usual order of VOC's twenty classes).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.box_files import BoxSet, read_voc, write_coco
from common.box_files.voc import IMAGES
from common.errors import DataError, exit_on_user_error
from data_prep.det.reading import add_reading_options, reading_rules, refuse_existing, told_counts


def convert(
    roots: Sequence[str | Path],
    parts: Sequence[str],
    out: str | Path | None = None,
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    outside: str = "refuse",
    empty: str = "refuse",
    force: bool = False,
) -> dict[str, BoxSet]:
    """Write ``OUT/PART.json`` for each part of sets that are joined.

    Args:
        roots: folders in VOC's layout.
        parts: names of lists that each of them has.
        out: folder to write; None is the first of the sets.
        classes: names, by label; None takes all that the parts have.
        rename: from names in the files to classes.
        outside: see `common.box_files.read_voc`.
        empty: likewise.
        force: replace files.

    Returns:
        What was written, by part.

    Raises:
        ConfigError: if classes and renaming do not fit each other.
        DataError: if anything in the sets is amiss, two have a picture of one name, or files are there already.
    """
    roots, folder = [Path(root) for root in roots], Path(out if out is not None else roots[0])
    for part in parts:
        refuse_existing(folder / f"{part}.json", force)
    rules = {"rename": rename, "outside": outside, "empty": empty}
    if classes is None:
        found = (name for root in roots for part in parts for name in read_voc(root, part, **rules).classes)
        classes = tuple(sorted(set(found)))
    image_root = roots[0] / IMAGES if len(roots) == 1 else Path(os.path.commonpath([root.resolve() for root in roots]))
    joined = {}
    for part in parts:
        images = [image for root in roots for image in read_voc(root, part, classes, **rules).images]
        if len({image.file.resolve() for image in images}) < len(images):
            raise DataError(
                f"expected sets that differ but found the same pictures twice in {', '.join(map(str, roots))}"
            )
        joined[part] = BoxSet(tuple(classes), images)
    for part, box_set in joined.items():
        write_coco(folder / f"{part}.json", box_set, image_root)
    return joined


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Convert parts of a set in VOC's layout to COCO files.")
    parser.add_argument("roots", nargs="+", type=Path, help="folders with JPEGImages, Annotations and ImageSets")
    parser.add_argument("--parts", nargs="+", required=True, help="lists, such as trainval test")
    parser.add_argument("--out", type=Path, help="folder to write (default: the first of the sets)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    add_reading_options(parser)
    options = parser.parse_args(arguments)
    rules = reading_rules(options)
    written = convert(options.roots, options.parts, options.out, force=options.force, **rules)
    for part, box_set in written.items():
        print(f"{(options.out or options.roots[0]) / part}.json: {told_counts(box_set)}")


if __name__ == "__main__":
    raise SystemExit(main())
