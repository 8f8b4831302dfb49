"""XML of dlib's imglab: images, boxes in them, and named parts in the boxes.

    <dataset><images>
      <image file='1.jpg'>
        <box top='90' left='194' width='37' height='37'>
          <part name='00' x='201' y='107'/>
          ...

A box may be marked ``ignore``, ``occluded``, ``truncated`` or ``difficult``. Points stand in the order of the parts'
names: by their numbers where all are numbers, else by the alphabet, as dlib has them. Pixels are counted from 0, and
a box is from the middle of its first to the middle of its last pixel [0].

[0] dlib/data_io/image_dataset_metadata.cpp of davisking/dlib.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from mmengine.logging import print_log

from common.errors import DataError
from common.landmark_files.checks import face_name, with_images
from common.landmark_files.face import Face
from common.text_files import as_numbers, read_xml

FLAGS = ("occluded", "truncated", "difficult")
_IGNORED, _EMPTY, _PARTIAL = "to be ignored", "without parts", "without some of the parts"


class _Box(NamedTuple):
    image: str
    number: int  # among the boxes of its image, from 1
    box: np.ndarray
    parts: dict[str, np.ndarray]
    flags: dict[str, bool]
    where: str


def read_dlib(
    path: str | Path,
    image_root: str | Path | None = None,
    num_points: int | None = None,
    first_pixel: float = 0.0,
    skip_incomplete: bool = False,
) -> list[Face]:
    """The faces of an XML file of imglab.

    Boxes to be ignored, without parts, or without some of the parts that others have are left out, and a line of the
    log says how many.

    Args:
        path: the file.
        image_root: folder that the images' paths are in; None is the file's own, as for dlib.
        num_points: that each face must have; None takes the number of parts' names in the file.
        first_pixel: what the file calls the middle of the first pixel.
        skip_incomplete: leave out faces whose image is missing, and say how many, instead of raising an error.

    Returns:
        Faces in the order of the file, all points visible; a name is the path of the image and, if an image has several
        boxes, the number of the box. Marks of a box are ``attributes``.

    Raises:
        DataError: if the file is missing, no such XML, or a box or part is malformed; names it.
    """
    path = Path(path)
    boxes, left_out = _boxes(path)
    names = _in_order({name for box in boxes for name in box.parts})
    if not names:
        raise DataError(f"expected boxes with parts but found none in {path}")
    if num_points is not None and len(names) != num_points:
        raise DataError(
            f"expected {num_points} points but found parts of {len(names)} names in {path}: {', '.join(names[:8])}, …"
        )
    several = {box.image for box in boxes if box.number > 1}
    marked = [flag for flag in FLAGS if any(box.flags[flag] for box in boxes)]
    root, faces = path.parent if image_root is None else Path(image_root), []
    for box in boxes:
        if len(box.parts) < len(names):
            left_out[_PARTIAL] += 1
            continue
        name = face_name(box.image)
        face = Face(
            image=root / box.image,
            points=(np.stack([box.parts[part] for part in names]) - first_pixel).astype(np.float32),
            visible=np.ones(len(names), bool),
            box=(box.box - first_pixel).astype(np.float32),
            attributes={flag: box.flags[flag] for flag in marked},
            name=f"{name}_{box.number}" if box.image in several else name,
        )
        faces.append(face)
    if left_out:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        print_log(f"{path}: {len(faces)} faces; left out {told}", "current")
    if not faces:
        raise DataError(f"expected boxes with all parts but found none in {path}")
    return with_images(faces, path, skip_incomplete)


def _boxes(path: Path) -> tuple[list[_Box], Counter[str]]:
    """All boxes with parts, and how many others there are."""
    boxes, left_out = [], Counter()
    for image in _root(path).findall("images/image"):
        file = image.get("file")
        if not file:
            raise DataError(f"expected an attribute file of each image but found one without in {path}")
        for number, element in enumerate(image.findall("box"), 1):
            if _flag(element, "ignore"):
                left_out[_IGNORED] += 1
            elif element.find("part") is None:
                left_out[_EMPTY] += 1
            else:
                boxes.append(_box(element, file, number, f"{path} (box {number} of {file})"))
    return boxes, left_out


def _root(path: Path) -> ElementTree.Element:
    root = read_xml(path, "an XML file of imglab")
    if root.tag != "dataset":
        raise DataError(f"expected <dataset>, as imglab writes it, but found <{root.tag}> in {path}")
    return root


def _box(element: ElementTree.Element, file: str, number: int, where: str) -> _Box:
    left, top, width, height = _attributes(element, ("left", "top", "width", "height"), where)
    if min(width, height) <= 0:
        raise DataError(f"expected a box of some width and height but found {width:g} x {height:g} in {where}")
    parts: dict[str, np.ndarray] = {}
    for part in element.findall("part"):
        name = part.get("name")
        if not name or name in parts:
            raise DataError(f"expected parts with names of their own but found {name!r} in {where}")
        parts[name] = _attributes(part, ("x", "y"), f"part {name!r} of {where}")
    box = np.array([left, top, left + width - 1, top + height - 1])
    return _Box(file, number, box, parts, {flag: _flag(element, flag) for flag in FLAGS}, where)


def _attributes(element: ElementTree.Element, names: tuple[str, ...], where: str) -> np.ndarray:
    missing = [name for name in names if element.get(name) is None]
    if missing:
        raise DataError(f"expected an attribute {missing[0]} of <{element.tag}> but found none in {where}")
    return as_numbers([element.get(name) for name in names], f"{', '.join(names)} of {where}")


def _flag(element: ElementTree.Element, name: str) -> bool:
    return element.get(name, "0").strip().lower() in ("1", "true")


def _in_order(names: set[str]) -> list[str]:
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)
