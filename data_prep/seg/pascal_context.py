"""Make Pascal Context's labels of 59 classes, and its lists, in the layout that mmseg reads.

    python data_prep/seg/pascal_context.py data/VOCdevkit/VOC2010 --annotations trainval_merged.json

The folder is that of VOC 2010 (``VOCtrainval_03-May-2010.tar``, extracted), with ``JPEGImages``. The annotations are
either ``trainval_merged.json`` of PASCAL in Detail, from which mmseg's own converter makes its labels, or the folder
``trainval`` with a file ``NAME.mat`` for each picture, as the set was first published; without ``--annotations`` both
are looked for in VOC2010 and above it. Written are ``SegmentationClassContext/NAME.png``, 0 (none of the 59) and 1..59
in the order of `CATEGORIES`, and ``ImageSets/SegmentationContext/{train,val}.txt``. mmseg's ``PascalContextDataset59``
lowers the labels by one (``reduce_zero_label``), so that 0 is ignored.

The .mat files know no split: theirs is that of ``ImageSets/Main``. Whether their labels agree with the JSON file's in
every pixel is not known here.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as runs
from scipy.io import loadmat

from common.atomic import atomic_write
from common.errors import DataError, exit_on_user_error
from data_prep.output import progress_bar, write_image
from data_prep.seg.pairs import check_pair

COUNTS = {"train": 4998, "val": 5105}
PICTURES = "VOCtrainval_03-May-2010.tar (http://host.robots.ox.ac.uk/pascal/VOC/voc2010)"
JSON, MATS = "trainval_merged.json", "trainval"
WHERE = f"{JSON} of PASCAL in Detail, or the .mat files of https://cs.stanford.edu/~roozbeh/pascal-context"
# Category among the 459 that were annotated, and its name; the order is that of mmseg's classes.
_CATEGORIES = """
2 aeroplane, 9 bag, 18 bed, 19 bedclothes, 22 bench, 23 bicycle, 25 bird, 31 boat, 33 book, 34 bottle, 44 building,
45 bus, 46 cabinet, 59 car, 65 cat, 68 ceiling, 72 chair, 80 cloth, 85 computer, 98 cow, 104 cup, 105 curtain,
113 dog, 115 door, 144 fence, 158 floor, 159 flower, 162 food, 187 grass, 189 ground, 207 horse, 220 keyboard,
232 light, 258 motorbike, 259 mountain, 260 mouse, 284 person, 295 plate, 296 platform, 308 pottedplant, 324 road,
326 rock, 347 sheep, 349 shelves, 354 sidewalk, 355 sign, 360 sky, 366 snow, 368 sofa, 397 table, 415 track,
416 train, 420 tree, 424 truck, 427 tvmonitor, 440 wall, 445 water, 454 window, 458 wood
"""
CATEGORIES = {int(number): name for number, name in map(str.split, _CATEGORIES.split(","))}
ANNOTATED = 459

# Name of a picture -> its label; and the names of each part.
Labels = tuple[Callable[[str], np.ndarray], Mapping[str, list[str]]]


def label_table() -> np.ndarray:
    """Label value of each annotated category 0..459: 1..59, or 0 for those that are none of the 59; uint8 ``[460]``."""
    table = np.zeros(ANNOTATED + 1, np.uint8)
    table[list(CATEGORIES)] = np.arange(1, len(CATEGORIES) + 1)
    return table


def prepare(root: Path, annotations: Path | None = None, allow_partial: bool = False) -> dict[str, int]:
    """Write the missing labels, then the lists.

    Args:
        root: the folder ``VOC2010``.
        annotations: the JSON file or the folder of .mat files; None looks for them in ``root`` and above it.
        allow_partial: accept fewer pictures than the full set has.

    Returns:
        Number of pictures in each part.

    Raises:
        DataError: if something is missing or malformed; names the file.
    """
    if not (root / "JPEGImages").is_dir():
        raise DataError(f"expected the folder {root / 'JPEGImages'} but found none; extract {PICTURES} beside it")
    source = annotations or _find_annotations(root)
    label_of, parts = _read_mats(source, root) if source.is_dir() else _read_json(source)
    _check_counts(parts, str(source), allow_partial)
    folder = root / "SegmentationClassContext"
    folder.mkdir(exist_ok=True)
    with progress_bar() as progress:
        for part, names in parts.items():
            for name in progress.track(names, description=f"Pascal Context: labels of {part}"):
                if not _picture(root, name).is_file():
                    raise DataError(f"expected the picture {_picture(root, name)} but found none; extract {PICTURES}")
                if not (folder / f"{name}.png").is_file():
                    write_image(folder / f"{name}.png", label_of(name))
    for part, names in parts.items():
        with atomic_write(_list(root, part), "w") as file:
            file.write("".join(f"{name}\n" for name in names))
    return {part: len(names) for part, names in parts.items()}


def check(root: Path, allow_partial: bool = False) -> dict[str, int]:
    """Look at every picture and label that the lists name; nothing is changed.

    Returns:
        Number of pictures in each part.

    Raises:
        DataError: at the first list, picture or label that is missing, or label of another size than its picture or
            with values over 59.
    """
    parts = {}
    for part in COUNTS:
        if not _list(root, part).is_file():
            raise DataError(
                f"expected the list {_list(root, part)} but found none; run data_prep/seg/pascal_context.py without "
                "--check"
            )
        parts[part] = _list(root, part).read_text().split()
    _check_counts(parts, str(_list(root, "train").parent), allow_partial)
    with progress_bar() as progress:
        for part, names in parts.items():
            for name in progress.track(names, description=f"check {part}"):
                label = root / "SegmentationClassContext" / f"{name}.png"
                check_pair(_picture(root, name), label, len(CATEGORIES))
    return {part: len(names) for part, names in parts.items()}


def _picture(root: Path, name: str) -> Path:
    return root / "JPEGImages" / f"{name}.jpg"


def _list(root: Path, part: str) -> Path:
    return root / "ImageSets" / "SegmentationContext" / f"{part}.txt"


def _find_annotations(root: Path) -> Path:
    places = [root, root.parent, root.parent.parent]
    for place in places:
        if (place / JSON).is_file():
            return place / JSON
        if any((place / MATS).glob("*.mat")):
            return place / MATS
    raise DataError(
        f"expected {JSON} or a folder {MATS} of .mat files but found neither in {', '.join(map(str, places))}; get "
        f"{WHERE}, and name it with --annotations"
    )


def _check_counts(parts: Mapping[str, list[str]], where: str, allow_partial: bool) -> None:
    for part, wanted in COUNTS.items():
        found = len(parts[part])
        if found == 0 or (found != wanted and not allow_partial):
            more = "" if found == 0 else ", or accept a part of the set with --allow-partial"
            raise DataError(
                f"expected {wanted} pictures of {part} but found {found} in {where}; get it again{more} ({WHERE})"
            )


def _read_json(path: Path) -> Labels:
    """Labels from the segments of PASCAL in Detail, where later ones cover earlier ones."""
    if not path.is_file():
        raise DataError(f"expected annotations at {path} but found none; get {WHERE}")
    try:
        content = json.loads(path.read_bytes())
        images = {Path(each["file_name"]).stem: each for each in content["images"]}
        segments = defaultdict(list)
        for each in content["annos_segmentation"]:
            segments[each["image_id"]].append((each["category_id"], each["segmentation"]))
        parts = {part: sorted(name for name, each in images.items() if each["phase"] == part) for part in COUNTS}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"expected the images and annos_segmentation of PASCAL in Detail but found {type(error).__name__} "
            f"({error}) in {path}; get it again"
        ) from None
    table = label_table()

    def label_of(name: str) -> np.ndarray:
        image = images[name]
        label = np.zeros((image["height"], image["width"]), np.uint8)
        for category, segment in segments[image["image_id"]]:
            if category not in CATEGORIES:
                raise DataError(f"expected one of the 59 categories but found {category} of {name} in {path}")
            label[_decode(segment, label.shape, f"{name} in {path}")] = table[category]
        return label

    return label_of, parts


def _decode(segment: Mapping[str, Any], size: tuple[int, int], where: str) -> np.ndarray:
    """A segment's pixels, boolean ``[H, W]``, from COCO's run lengths, packed or not."""
    try:
        if isinstance(segment["counts"], list):
            segment = runs.frPyObjects(segment, *size)
        pixels = runs.decode(segment).astype(bool)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise DataError(f"expected run lengths of COCO but found {type(error).__name__} for {where}") from None
    if pixels.shape != size:
        raise DataError(f"expected a segment of {size[1]}x{size[0]} but found {pixels.shape[::-1]} for {where}")
    return pixels


def _read_mats(folder: Path, root: Path) -> Labels:
    """Labels from files that name one of the 459 categories for each pixel; the parts are those of VOC 2010."""
    parts = {}
    for part in COUNTS:
        path = root / "ImageSets" / "Main" / f"{part}.txt"
        if not path.is_file():
            raise DataError(f"expected the list {path} but found none; extract {PICTURES}")
        names = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
        parts[part] = sorted(name for name in names if (folder / f"{name}.mat").is_file())
    table = label_table()

    def label_of(name: str) -> np.ndarray:
        path = folder / f"{name}.mat"
        try:
            found = loadmat(path)["LabelMap"]
        except (ValueError, KeyError, TypeError, OSError, NotImplementedError) as error:
            raise DataError(f"expected a LabelMap but found {type(error).__name__} ({error}) in {path}") from None
        if found.ndim != 2 or found.dtype.kind not in "ui" or found.min() < 0 or found.max() > ANNOTATED:
            raise DataError(
                f"expected integers 0..{ANNOTATED} but found {found.dtype} {found.shape} up to {found.max()} in {path}"
            )
        return table[found]

    return label_of, parts


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Prepare (or check) Pascal Context, 59 classes, for training.")
    parser.add_argument(
        "root", type=Path, nargs="?", default=Path("data/VOCdevkit/VOC2010"), help="default %(default)s"
    )
    parser.add_argument("--annotations", type=Path, help=f"{JSON}, or the folder of .mat files")
    parser.add_argument("--check", action="store_true", help="only look, at every picture and label")
    parser.add_argument("--allow-partial", action="store_true", help="accept a part of the set")
    options = parser.parse_args(arguments)
    if options.check:
        counts = check(options.root, options.allow_partial)
    else:
        counts = prepare(options.root, options.annotations, options.allow_partial)
    print(f"{options.root}: " + ", ".join(f"{part} {count}" for part, count in counts.items()))


if __name__ == "__main__":
    raise SystemExit(main())
