"""What becomes of boxes and categories that do not fit: one set of rules for every reader.

A box that leaves its picture by up to one pixel is clipped: tools differ in whether they count pixels from 0 or 1. What
is beyond that is a slip of the labels, and refused unless the reader is told what to do with it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from mmengine.logging import print_log

from common.box_files.box_set import BoxSet, LabelledImage
from common.errors import ConfigError, DataError, did_you_mean
from common.image_files import upright_size

TOLERANCE = 1.0  # pixels
_CHOICES = {"unknown": ("refuse", "drop"), "outside": ("refuse", "clip"), "empty": ("refuse", "drop")}


class RawBox(NamedTuple):
    """A box as a file tells it: corners x1 y1 x2 y2 as `LabelledImage` has them, and where it stands.

    ``area`` is that of the object's outline, or None where the file tells none.
    """

    id: int | str
    category: str
    corners: tuple[float, float, float, float]
    ignored: bool
    where: str
    area: float | None = None


class RawImage(NamedTuple):
    """A picture as a file tells it; the name that it goes by is its path below the folder of the pictures."""

    id: int
    file: Path
    path: str
    size: tuple[int, int]
    boxes: Sequence[RawBox]


@dataclass(frozen=True)
class Rules:
    """How categories become classes, and what happens to what does not fit.

    Attributes:
        classes: names, by label; None takes those of the file.
        rename: from names in the file to classes; several may become one.
        unknown: ``'refuse'`` or ``'drop'`` boxes of categories that are no class.
        outside: ``'refuse'`` or ``'clip'`` boxes that leave their picture by more than a pixel.
        empty: ``'refuse'`` or ``'drop'`` boxes without area (in the picture).

    Raises:
        ConfigError: for other values, or names that are no texts, stand twice, or do not fit each other.
    """

    classes: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    unknown: str = "refuse"
    outside: str = "refuse"
    empty: str = "refuse"

    def __post_init__(self):
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise ConfigError(f"expected {key} {' or '.join(map(repr, choices))} but found {getattr(self, key)!r}")
        if not isinstance(self.rename or {}, Mapping):
            raise ConfigError(f"expected rename={{name in the file: class}} but found {self.rename!r}")
        object.__setattr__(self, "rename", dict(self.rename or {}))
        if self.classes is not None:
            object.__setattr__(self, "classes", _checked_classes(self.classes))
            for name, target in self.rename.items():
                if target not in self.classes:
                    hint = did_you_mean(str(target), self.classes)
                    raise ConfigError(f"expected rename to give a class but found {name!r}: {target!r}{hint}")

    def labels(self, used: Mapping[str, str], source: str | Path, listed: Sequence[str] = ()) -> Labels:
        """What each category of a file becomes.

        Args:
            used: categories that boxes have, each with the place of its first box.
            source: of the boxes, for messages.
            listed: the file's own list of categories, if it has one, in its order.

        Raises:
            DataError: for a category that is no class (unless dropped), a class that the file's list lacks, or where
                no category is a class.
        """
        names = listed or sorted(used)
        targets = {name: self.rename.get(name, name) for name in (*names, *used)}
        classes = self.classes if self.classes is not None else tuple(dict.fromkeys(targets.values()))
        for name, where in used.items():
            if targets[name] not in classes and self.unknown == "refuse":
                raise DataError(
                    f"expected one of the classes {_shortened(classes)} but found {name!r} of {where}"
                    f"; map it with rename={{{name!r}: ...}}, or leave such boxes out with unknown='drop'"
                    f"{did_you_mean(name, classes)}"
                )
        lacking = [name for name in classes if name not in targets.values()]
        if lacking and listed:
            raise DataError(
                f"expected a category for each class but found none for {_shortened(lacking)} in {source}, which has "
                f"{_shortened(listed)}; correct classes, or map names with rename{did_you_mean(lacking[0], listed)}"
            )
        if used and not any(targets[name] in classes for name in used):
            raise DataError(
                f"expected boxes of the classes {_shortened(classes)} but found only {_shortened(used)} in {source}"
            )
        missing = [name for name in classes if name not in {targets[name] for name in used}]
        if missing:
            print_log(f"{source}: no box of {_shortened(missing)}", "current", logging.WARNING)
        place = {name: label for label, name in enumerate(classes)}
        return Labels(classes, {name: place[target] for name, target in targets.items() if target in place})

    def fit(self, box: RawBox, size: tuple[int, int], tally: Counter[str]) -> Sequence[float] | None:
        """Corners of a box within its picture, or None where it is dropped.

        Args:
            box: any.
            size: width and height of the picture.
            tally: is told what was clipped and dropped.

        Raises:
            DataError: for a box that leaves its picture or has no area, unless such are clipped or dropped.
        """
        x1, y1, x2, y2 = box.corners
        width, height = size
        shown = f"({x1:g}, {y1:g}) to ({x2:g}, {y2:g})"
        if min(x2 - x1, y2 - y1) <= 0:
            return self._without_area(f"a box of some width and height but found {shown}", box, tally)
        overhang = max(-x1, -y1, x2 - width, y2 - height)
        if overhang <= 0:
            return box.corners
        if overhang > TOLERANCE and self.outside == "refuse":
            raise DataError(
                f"expected a box inside of the picture of {width}x{height} but found {shown} of {box.where}; mend it, "
                "or clip such boxes with outside='clip'"
            )
        x1, y1, x2, y2 = max(x1, 0.0), max(y1, 0.0), min(x2, width), min(y2, height)
        if min(x2 - x1, y2 - y1) <= 0:
            wanted = f"a box with a part in the picture of {width}x{height} but found {shown}"
            return self._without_area(wanted, box, tally)
        tally["clipped"] += overhang > TOLERANCE
        return x1, y1, x2, y2

    def _without_area(self, wanted: str, box: RawBox, tally: Counter[str]) -> None:
        if self.empty == "refuse":
            raise DataError(f"expected {wanted} of {box.where}; mend it, or leave such boxes out with empty='drop'")
        tally["left out, without area"] += 1


class Labels(NamedTuple):
    """The classes of a set, and the label of each category that is one of them."""

    classes: tuple[str, ...]
    by_category: dict[str, int]


def picture_size(file: Path, where: str) -> tuple[int, int]:
    """Width and height of a picture that ``where`` names, upright.

    Raises:
        DataError: if it is missing or no picture.
    """
    if not file.is_file():
        raise DataError(f"expected the picture {file} of {where} but found no such file; restore it")
    return upright_size(file)


def build_set(images: Iterable[RawImage], rules: Rules, source: str | Path, listed: Sequence[str] = ()) -> BoxSet:
    """A set of what a file tells, by the rules; a line of the log says what was clipped and left out.

    Args:
        images: with boxes.
        rules: for what does not fit.
        source: of all this, for messages.
        listed: the file's own list of categories.

    Raises:
        DataError: for what the rules refuse, where there are no pictures, or where pictures are not there.
    """
    images = list(images)
    if not images:
        raise DataError(f"expected pictures but found none in {source}")
    used: dict[str, str] = {}
    for image in images:
        for box in image.boxes:
            used.setdefault(box.category, box.where)
    labels = rules.labels(used, source, listed)
    tally: Counter[str] = Counter()
    names = _names([image.path for image in images], source)
    labelled = [_labelled(image, name, rules, labels, tally) for image, name in zip(images, names, strict=True)]
    told = ", ".join(f"{count} {what}" for what, count in sorted(tally.items()) if count)
    if told:
        kept = sum(len(image.boxes) for image in labelled)
        print_log(f"{source}: {kept} boxes in {len(labelled)} pictures; {told}", "current")
    _check_pictures([image.file for image in labelled], source)
    return BoxSet(labels.classes, labelled, [image.id for image in images])


def _labelled(image: RawImage, name: str, rules: Rules, labels: Labels, tally: Counter[str]) -> LabelledImage:
    kept: list[RawBox] = []
    corners: list[Sequence[float]] = []
    for box in image.boxes:
        if box.category not in labels.by_category:
            tally["left out, of other categories"] += 1
            continue
        fitting = rules.fit(box, image.size, tally)
        if fitting is not None:
            kept.append(box)
            corners.append(fitting)
    areas = [box.area for box in kept]
    return LabelledImage(
        file=image.file,
        name=name,
        width=image.size[0],
        height=image.size[1],
        boxes=np.array(corners, np.float32).reshape(-1, 4),
        labels=np.array([labels.by_category[box.category] for box in kept], np.int64),
        ignored=np.array([box.ignored for box in kept], bool),
        ids=tuple(box.id for box in kept),
        areas=np.array(areas, np.float64) if areas and None not in areas else None,
    )


def _names(paths: Sequence[str], source: str | Path) -> list[str]:
    """Names without ending; with it where ``a.png`` stands beside ``a.jpg``."""
    repeated = [path for path, count in Counter(paths).items() if count > 1]
    if repeated:
        raise DataError(f"expected each picture once but found {repeated[0]!r} again in {source}")
    bare = [str(PurePosixPath(path).with_suffix("")) for path in paths]
    several = {name for name, count in Counter(bare).items() if count > 1}
    return [path if name in several else name for path, name in zip(paths, bare, strict=True)]


def _check_pictures(files: Sequence[Path], source: str | Path) -> None:
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise DataError(
            f"expected the picture of every image of {source} but {len(missing)} of {len(files)} are not there; the "
            f"first is {missing[0]}; check the folder of the pictures"
        )


def _checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    is_list = isinstance(classes, (list, tuple)) and bool(classes)
    if not is_list or not all(isinstance(name, str) and name for name in classes):
        raise ConfigError(f"expected classes=('car', ...) but found {classes!r}")
    repeated = [name for name, count in Counter(classes).items() if count > 1]
    if repeated:
        raise ConfigError(f"expected each class once but found {repeated[0]!r} again in {', '.join(classes)}")
    return tuple(classes)


def _shortened(names: Iterable[str], most: int = 8) -> str:
    names = [repr(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
