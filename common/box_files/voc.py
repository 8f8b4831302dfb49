"""PASCAL VOC's folders: ``JPEGImages/NAME.jpg``, ``Annotations/NAME.xml`` and lists ``ImageSets/Main/PART.txt``.

    <annotation>
      <size><width>640</width><height>480</height></size>
      <object>
        <name>car</name><difficult>0</difficult>
        <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>640</xmax><ymax>480</ymax></bndbox>
      </object>
    </annotation>

Pixels are counted from 1, and ``xmax`` is the last pixel of a box [0]: the box above, of the whole picture, is read as
0, 0, 640, 480.

[0] Everingham et al., The PASCAL Visual Object Classes Challenge 2007 development kit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from common.atomic import atomic_write
from common.box_files.box_set import BoxSet, LabelledImage
from common.box_files.rules import RawBox, RawImage, Rules, build_set
from common.errors import DataError, did_you_mean
from common.image_files import IMAGE_SUFFIXES, upright_size
from common.text_files import as_numbers, read_text, read_xml

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"
_SUFFIXES = tuple(dict.fromkeys((".jpg", *IMAGE_SUFFIXES)))  # .jpg is what the set itself has
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(
    root: str | Path,
    part: str,
    classes: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    unknown: str = "refuse",
    outside: str = "refuse",
    empty: str = "refuse",
) -> BoxSet:
    """The pictures and boxes of a part of a set in VOC's layout.

    Difficult objects are ``ignored``. Where a file tells no size, it is read from the picture.

    Args:
        root: folder with ``JPEGImages``, ``Annotations`` and ``ImageSets``, such as ``VOCdevkit/VOC2007``.
        part: a list's name, such as ``'trainval'``.
        classes: names, by label; None takes those of the part's boxes in the order of the alphabet, so parts agree only
            where all of them have all classes.
        rename: from names in the files to classes.
        unknown: ``'refuse'`` or ``'drop'`` boxes of names that are no class.
        outside: ``'refuse'`` or ``'clip'`` boxes that leave their picture by more than a pixel.
        empty: ``'refuse'`` or ``'drop'`` boxes without area.

    Returns:
        The pictures in the order of the list.

    Raises:
        ConfigError: if classes and rules do not fit each other.
        DataError: if folder, list, picture or annotation is not there, or one is malformed; names file and object.
    """
    rules = Rules(classes, rename, unknown, outside, empty)
    root = Path(root)
    _check_layout(root)
    list_file = root / LISTS / f"{part}.txt"
    return build_set(
        (_image(number, *entry, root) for number, entry in enumerate(_listed(list_file), 1)), rules, list_file
    )


def _check_layout(root: Path) -> None:
    if not root.is_dir():
        raise DataError(f"expected a folder in VOC's layout but found none at {root.absolute()}")
    missing = [name for name in (IMAGES, ANNOTATIONS, LISTS) if not (root / name).is_dir()]
    if missing:
        inner = sorted(path.parent.relative_to(root) for path in root.glob("**/" + IMAGES))[:4]
        hint = f"; did you mean {' or '.join(str(root / path) for path in inner)}?" if inner else ""
        raise DataError(f"expected {IMAGES}, {ANNOTATIONS} and {LISTS} but found no {missing[0]} in {root}{hint}")


def _listed(list_file: Path) -> list[tuple[str, str]]:
    """Names in a list, each with its place."""
    if not list_file.is_file():
        parts = sorted(path.stem for path in list_file.parent.glob("*.txt"))
        hint = did_you_mean(list_file.stem, parts) or f"; there are {', '.join(parts) or 'none'}"
        raise DataError(f"expected the list {list_file} but found no such file{hint}")
    names: dict[str, str] = {}
    for number, line in enumerate(read_text(list_file, "a list").splitlines(), 1):
        name, where = line.strip(), f"{list_file} (line {number})"
        if name.lower().endswith(IMAGE_SUFFIXES):
            name = name[: name.rindex(".")]
        if name in names:
            raise DataError(f"expected each name once but found {name!r} again in {where}")
        if name:
            names[name] = where
    return list(names.items())


def _image(number: int, name: str, where: str, root: Path) -> RawImage:
    path = root / ANNOTATIONS / f"{name}.xml"
    if not path.is_file():
        raise DataError(
            f"expected the annotation {path} of {where} but found no such file; restore it (that of a picture without "
            "boxes has no <object>), or take the name out of the list"
        )
    endings = (ending for suffix in _SUFFIXES for ending in (suffix, suffix.upper()))
    files = (root / IMAGES / f"{name}{ending}" for ending in endings)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise DataError(f"expected the picture {root / IMAGES / name}.jpg of {path} but found none; restore it")
    tree = read_xml(path, "an annotation of VOC")
    if tree.tag != "annotation":
        raise DataError(f"expected <annotation>, as VOC has it, but found <{tree.tag}> in {path}")
    boxes = [_box(element, place, path) for place, element in enumerate(tree.findall("object"), 1)]
    return RawImage(number, file, file.relative_to(root / IMAGES).as_posix(), _size(tree, file, path), boxes)


def _size(tree: ElementTree.Element, file: Path, path: Path) -> tuple[int, int]:
    told = [tree.findtext(f"size/{side}") for side in ("width", "height")]
    if told == [None, None]:
        return upright_size(file)
    width, height = as_numbers([side or "" for side in told], f"<size> of {path}")
    if (width, height) == (0, 0):  # some tools write it where they did not open the picture
        return upright_size(file)
    if min(width, height) < 1 or width % 1 or height % 1:
        raise DataError(f"expected width and height in whole pixels but found {width:g} x {height:g} in {path}")
    return int(width), int(height)


def _box(element: ElementTree.Element, number: int, path: Path) -> RawBox:
    where = f"object {number} of {path}"
    category = (element.findtext("name") or "").strip()
    if not category:
        raise DataError(f"expected a <name> of {where} but found none")
    told = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    for corner, text in zip(_CORNERS, told, strict=True):
        if text is None:
            raise DataError(f"expected <bndbox> with {', '.join(_CORNERS)} but found no {corner} of {where}")
    left, top, right, bottom = as_numbers(told, f"<bndbox> of {where}").tolist()
    difficult = (element.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise DataError(f"expected <difficult> 0 or 1 of {where} but found {difficult!r}")
    return RawBox(number, category, (left - 1, top - 1, right, bottom), difficult == "1", where)


def write_voc(root: str | Path, part: str, box_set: BoxSet) -> None:
    """Write the annotations and the list of a part in VOC's layout; pictures stay where they are.

    Args:
        root: folder of the set; the pictures belong into its ``JPEGImages``, under the names of ``box_set``.
        part: name of the list.
        box_set: what to write.

    Raises:
        DataError: if a file cannot be written.
    """
    root = Path(root)
    try:
        for image in box_set.images:
            with atomic_write(root / ANNOTATIONS / f"{image.name}.xml") as file:
                ElementTree.ElementTree(_tree(image, box_set.classes)).write(file, encoding="utf-8")
        with atomic_write(root / LISTS / f"{part}.txt", "w") as file:
            file.writelines(f"{image.name}\n" for image in box_set.images)
    except OSError as error:
        raise DataError(f"expected to write {root} but found: {error.strerror}; check the free space") from error


def _tree(image: LabelledImage, classes: Sequence[str]) -> ElementTree.Element:
    tree = ElementTree.Element("annotation")
    _add(tree, "filename", image.file.name)
    size = ElementTree.SubElement(tree, "size")
    for side, value in (("width", image.width), ("height", image.height), ("depth", 3)):
        _add(size, side, value)
    for box, label, ignored in zip(image.boxes.tolist(), image.labels, image.ignored, strict=True):
        element = ElementTree.SubElement(tree, "object")
        _add(element, "name", classes[label])
        _add(element, "difficult", int(ignored))
        corners = ElementTree.SubElement(element, "bndbox")
        for corner, value in zip(_CORNERS, (box[0] + 1, box[1] + 1, box[2], box[3]), strict=True):
            _add(corners, corner, f"{value:.6g}")
    ElementTree.indent(tree)
    return tree


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)
