"""COCO's JSON of boxes, as annotation tools export it.

``images`` have ``id``, ``file_name``, ``width`` and ``height``; ``categories`` have ``id`` and ``name``;
``annotations`` have ``id``, ``image_id``, ``category_id``, ``bbox`` (x, y, width, height), and may have ``iscrowd`` and
``area``, that of the object's outline, which is less than its box's. Pixels are counted from 0, a box ends before the
pixel x + width [0].

[0] cocodataset.org, format of object detection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.atomic import atomic_write
from common.box_files.box_set import BoxSet
from common.box_files.rules import RawBox, RawImage, Rules, build_set, picture_size
from common.errors import DataError
from common.text_files import read_json

_LISTS = ("images", "annotations", "categories")


def read_coco(
    ann_file: str | Path,
    image_root: str | Path,
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    unknown: str = "refuse",
    outside: str = "refuse",
    empty: str = "refuse",
) -> BoxSet:
    """The pictures and boxes of a COCO file.

    Crowds (``iscrowd``), and boxes that are to be ignored (``ignore``), are ``ignored``. Categories without a box need
    not be classes: some tools write the group of the categories as a category of its own. The published train2017 has
    boxes without height, so that it needs ``empty='drop'``, as everybody reads it. An ``area`` stays as it is told,
    also where its box is clipped; 0, which tools write where they know no outline, counts as not told.

    Args:
        ann_file: the JSON file.
        image_root: folder that ``file_name`` is in.
        classes: names, by label; None takes the file's categories in the order of their ids.
        rename: from names in the file to classes.
        unknown: ``'refuse'`` or ``'drop'`` boxes of categories that are no class.
        outside: ``'refuse'`` or ``'clip'`` boxes that leave their picture by more than a pixel.
        empty: ``'refuse'`` or ``'drop'`` boxes without area.

    Returns:
        The pictures in the order of the file, with their ids.

    Raises:
        ConfigError: if classes and rules do not fit each other.
        DataError: if the file is no such JSON, an image or annotation is malformed (named by its id), or a picture is
            not there.
    """
    rules = Rules(classes, rename, unknown, outside, empty)
    path = Path(ann_file)
    content = read_json(path, "a COCO file")
    for key in _LISTS:
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(
                f"expected an object with lists images, annotations and categories but found no {key} in {path}"
            )
    categories = _categories(content["categories"], path)
    images = _by_id(content["images"], "image", path)
    boxes: dict[int, list[RawBox]] = {id: [] for id in images}
    for id, annotation in _by_id(content["annotations"], "annotation", path).items():
        where = f"annotation {id} of {path}"
        _known(annotation, "image_id", images, where)
        category = categories[_known(annotation, "category_id", categories, where)]
        ignored = bool(annotation.get("iscrowd") or annotation.get("ignore"))
        box = RawBox(id, category, _corners(annotation, where), ignored, where, _area(annotation, where))
        boxes[annotation["image_id"]].append(box)
    raw = [_image(image, Path(image_root), boxes[id], path) for id, image in images.items()]
    listed = [categories[id] for id in sorted(categories)]
    return build_set(raw, rules, path, listed)


def _by_id(entries: Iterable[Any], what: str, path: Path) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not _is_whole(entry.get("id")):
            raise DataError(f"expected an object with a whole number as id for {what} {place} (from 0) in {path}")
        if entry["id"] in found:
            raise DataError(f"expected each {what} id once but found {entry['id']} again in {path}")
        found[entry["id"]] = entry
    return found


def _categories(entries: Iterable[Any], path: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for id, entry in _by_id(entries, "category", path).items():
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise DataError(f"expected a text as name of category {id} in {path} but found {name!r}")
        if name in names.values():
            raise DataError(f"expected categories with names of their own but found {name!r} again in {path}")
        names[id] = name
    return names


def _known(annotation: Mapping[str, Any], key: str, known: Mapping[int, Any], where: str) -> int:
    id = annotation.get(key)
    if not _is_whole(id) or id not in known:
        raise DataError(f"expected {key} to be one of the {len(known)} in the file but found {id!r} of {where}")
    return id


def _corners(annotation: Mapping[str, Any], where: str) -> tuple[float, float, float, float]:
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_finite, box)):
        raise DataError(f"expected four numbers x, y, width and height as bbox but found {box!r} of {where}")
    x, y, width, height = box
    return x, y, x + width, y + height


def _area(annotation: Mapping[str, Any], where: str) -> float | None:
    area = annotation.get("area")
    if area is not None and not (_is_finite(area) and area >= 0):
        raise DataError(f"expected an area in square pixels but found {area!r} of {where}; correct it or leave it out")
    return float(area) if area else None


def _image(image: Mapping[str, Any], root: Path, boxes: Sequence[RawBox], path: Path) -> RawImage:
    where = f"image {image['id']} of {path}"
    name = image.get("file_name")
    if not isinstance(name, str) or not name:
        raise DataError(f"expected a text as file_name of {where} but found {name!r}")
    size = image.get("width"), image.get("height")
    if size == (None, None):
        size = picture_size(root / name, where)
    elif not all(_is_finite(side) and side > 0 and side == int(side) for side in size):
        raise DataError(f"expected width and height in whole pixels of {where} but found {size[0]!r} and {size[1]!r}")
    return RawImage(image["id"], root / name, name, (int(size[0]), int(size[1])), boxes)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(value))


def write_coco(path: str | Path, box_set: BoxSet, image_root: str | Path) -> None:
    """Write a set as a COCO file, whole or not at all.

    Categories get the ids 1, 2, ... in the order of the classes, annotations 1, 2, ... in that of the pictures (COCO's
    own evaluation takes the id 0 for "no match"). Ignored boxes become crowds: the only kind that this evaluation
    leaves out. Boxes of pictures without ``areas`` get their own area.

    Args:
        path: the JSON file.
        box_set: what to write.
        image_root: folder that the written ``file_name`` is relative to.

    Raises:
        DataError: if a picture is not below ``image_root``, or the file cannot be written.
    """
    images, annotations = [], []
    for id, image in zip(box_set.image_ids, box_set.images, strict=True):
        try:
            name = image.file.resolve().relative_to(Path(image_root).resolve()).as_posix()
        except ValueError:
            raise DataError(f"expected pictures below {image_root} but found {image.file}") from None
        images.append({"id": id, "file_name": name, "width": image.width, "height": image.height})
        areas = [None] * len(image.boxes) if image.areas is None else image.areas.tolist()
        boxes = zip(image.boxes.astype(float), image.labels, image.ignored, areas, strict=True)
        for box, label, ignored, area in boxes:
            x, y, width, height = (round(float(number), 3) for number in (*box[:2], *(box[2:] - box[:2])))
            annotation = {
                "id": len(annotations) + 1,
                "image_id": id,
                "category_id": int(label) + 1,
                "bbox": [x, y, width, height],
                "area": round(width * height if area is None else area, 3),
                "iscrowd": int(ignored),
            }
            annotations.append(annotation)
    categories = [{"id": id, "name": name} for id, name in enumerate(box_set.classes, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    try:
        with atomic_write(path, "w") as file:
            json.dump(content, file)
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror}") from error
