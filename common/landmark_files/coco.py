"""COCO's JSON of key points, as annotation tools export it.

``images`` have ``id`` and ``file_name``; ``annotations`` have ``id``, ``image_id``, ``keypoints`` (x, y, v for each
point) and, if there is one, ``bbox`` (x, y, width, height). v is 0 for a point without label, 1 for a labelled one that
is not visible, 2 for a visible one. Pixels are counted from 0 [0].

[0] cocodataset.org, format of key point detection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from common.errors import DataError
from common.landmark_files.checks import face_name, with_images
from common.landmark_files.face import Face
from common.text_files import read_json

_CROWD, _EMPTY, _UNLABELLED = "crowds", "without key points", "with points that have no label (v = 0)"


def read_coco(
    annotations: str | Path,
    image_root: str | Path,
    num_points: int | None = None,
    first_pixel: float = 0.0,
    skip_incomplete: bool = False,
) -> list[Face]:
    """The faces of a COCO file of key points.

    Annotations of crowds, without key points, or with a point that has no label (v = 0) are left out, and a line of the
    log says how many. A point is ``visible`` if v is 2.

    Args:
        annotations: the JSON file.
        image_root: folder that ``file_name`` is in.
        num_points: that each face must have; None takes that of the first annotation.
        first_pixel: what the file calls the middle of the first pixel; 1 for files made from PTS or MATLAB files
            without subtracting it.
        skip_incomplete: leave out faces whose image is missing, and say how many, instead of raising an error.

    Returns:
        Faces in the order of the file; a name is the path of the image and the annotation's id, since an image may have
        many faces.

    Raises:
        DataError: if the file is no such JSON, or an annotation is malformed; names it by its id.
    """
    path = Path(annotations)
    content = _read(path)
    images = _images(content["images"], path)
    faces: list[Face] = []
    left_out: Counter[str] = Counter()
    for place, annotation in enumerate(content["annotations"]):
        if not isinstance(annotation, dict) or "id" not in annotation:
            raise DataError(f"expected an object with an id for annotation {place} (from 0) in {path}")
        where = f"annotation {annotation['id']} of {path}"
        reason = _no_face(annotation)
        if reason is None:
            values = _numbers(annotation["keypoints"], "keypoints", where).reshape(-1)
            num_points = num_points or len(values) // 3
            points = _points(values, num_points, where)
            reason = _UNLABELLED if (points[:, 2] == 0).any() else None
        if reason is not None:
            left_out[reason] += 1
            continue
        faces.append(_face(annotation, points, images, Path(image_root), first_pixel, where))
    if left_out:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        print_log(f"{path}: {len(faces)} faces; left out {told}", "current")
    if not faces:
        raise DataError(f"expected faces with all points labelled but found none in {path}")
    return with_images(faces, path, skip_incomplete)


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path, "a COCO file")
    for key in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise DataError(f"expected an object with lists images and annotations but found no {key} in {path}")
    return content


def _images(entries: list[Any], path: Path) -> dict[Any, str]:
    images: dict[Any, str] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or "id" not in entry or not isinstance(entry.get("file_name"), str):
            raise DataError(f"expected id and file_name of image {place} (from 0) in {path}")
        if entry["id"] in images:
            raise DataError(f"expected images with ids of their own but found {entry['id']} again in {path}")
        images[entry["id"]] = entry["file_name"]
    return images


def _no_face(annotation: Mapping[str, Any]) -> str | None:
    """Why an annotation is of no face to learn from, as far as its heads tell."""
    if annotation.get("iscrowd"):
        return _CROWD
    if not annotation.get("keypoints") or annotation.get("num_keypoints") == 0:
        return _EMPTY
    return None


def _numbers(values: Any, key: str, where: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected numbers in {key} of {where} but found others") from error
    if not np.isfinite(numbers).all():
        raise DataError(f"expected finite numbers in {key} of {where} but found others")
    return numbers


def _points(values: np.ndarray, num_points: int, where: str) -> np.ndarray:
    """x, y and v, float64 ``[n, 3]``."""
    if len(values) != 3 * num_points:
        raise DataError(f"expected {num_points} points x, y, v in keypoints of {where} but found {len(values)} numbers")
    points = values.reshape(-1, 3)
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise DataError(f"expected v of 0, 1 or 2 in keypoints of {where} but found {sorted(set(points[:, 2]))}")
    return points


def _face(
    annotation: Mapping[str, Any],
    points: np.ndarray,
    images: Mapping[Any, str],
    image_root: Path,
    first_pixel: float,
    where: str,
) -> Face:
    image_id = annotation.get("image_id")
    if image_id not in images:
        raise DataError(f"expected an image with the id {image_id} of {where} but found none among {len(images)}")
    box = None
    if annotation.get("bbox"):
        x, y, width, height = _box(annotation["bbox"], where) - (first_pixel, first_pixel, 0, 0)
        box = np.array([x, y, x + width, y + height], np.float32)
    return Face(
        image=image_root / images[image_id],
        points=(points[:, :2] - first_pixel).astype(np.float32),
        visible=points[:, 2] == 2,
        box=box,
        name=f"{face_name(images[image_id])}_{annotation['id']}",
    )


def _box(values: Any, where: str) -> np.ndarray:
    box = _numbers(values, "bbox", where)
    if box.shape != (4,) or box[2:].min() < 0:
        raise DataError(f"expected x, y, width and height in bbox of {where} but found {values}")
    return box
