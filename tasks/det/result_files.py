"""Found boxes in JSON files: for people, frame by frame for videos, and as COCO's evaluation reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.atomic import atomic_write
from common.errors import ConfigError, DataError, did_you_mean
from common.text_files import read_json
from tasks.det.boxes import Detections

PIXELS = "x1 y1 x2 y2: (0, 0) is the upper left corner of the upright picture, x to the right, y down"
DECIMALS = 3  # of pixels
SCORE_DECIMALS = 5


def box_rows(found: Detections, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Boxes as JSON has them: ``class``, ``score`` and ``box``, x1 y1 x2 y2."""
    return [
        {
            "class": classes[label],
            "score": round(float(score), SCORE_DECIMALS),
            "box": [round(float(value), DECIMALS) for value in box],
        }
        for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
    ]


@dataclass(frozen=True)
class CocoIds:
    """What COCO's results call images and classes.

    Attributes:
        images: file -> id.
        categories: ids, by label.
    """

    images: Mapping[Path, int]
    categories: Sequence[int]

    def rows(self, file: Path, found: Detections) -> list[dict[str, Any]]:
        """Boxes of an image as COCO's results have them, with corner, width and height."""
        return [
            {
                "image_id": self.images[file],
                "category_id": self.categories[label],
                "bbox": [round(float(value), DECIMALS) for value in (*box[:2], *(box[2:] - box[:2]))],
                "score": round(float(score), SCORE_DECIMALS),
            }
            for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
        ]


def coco_ids(files: Sequence[Path], classes: Sequence[str], annotations: str | Path | None = None) -> CocoIds:
    """The ids of a COCO file, or numbers from 1 on.

    Args:
        files: images.
        classes: names, by label.
        annotations: a COCO file with ``images`` and ``categories``; an image is the one whose ``file_name`` is the end
            of its path, the longest such.

    Raises:
        ConfigError: if a class is not among the categories.
        DataError: if the file cannot be read, or an image is not in it.
    """
    if annotations is None:
        return CocoIds({file: number for number, file in enumerate(files, 1)}, range(1, len(classes) + 1))
    content = read_json(annotations, "a COCO file")
    try:
        names = {Path(image["file_name"]).parts: int(image["id"]) for image in content["images"]}
        categories = {category["name"]: int(category["id"]) for category in content["categories"]}
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"expected images with file_name and id, and categories with name and id, in {annotations} but found: "
            f"{error!r}"
        ) from error
    for name in classes:
        if name not in categories:
            raise ConfigError(
                f"expected the network's classes among the categories of {annotations} but found no {name!r}"
                f"{did_you_mean(name, categories)}"
            )
    images = {file: _id_of(file, names) for file in files}
    missing = [str(file) for file, id in images.items() if id is None]
    if missing:
        raise DataError(
            f"expected all images in {annotations} but found no entry for {missing[0]}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}; leave them out, or --coco"
        )
    return CocoIds(images, [categories[name] for name in classes])


def _id_of(file: Path, names: Mapping[tuple[str, ...], int]) -> int | None:
    parts = file.resolve().parts
    ends = (parts[start:] for start in range(len(parts)))
    return next((names[end] for end in ends if end in names), None)


def write_coco_results(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write COCO's results, whole or not at all.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            json.dump(list(rows), file)
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error
