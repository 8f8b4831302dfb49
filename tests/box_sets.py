"""Small sets of pictures with boxes, in every layout."""

import json
from xml.etree import ElementTree

import cv2
import numpy as np

SIZE = 40, 30  # width, height
CLASSES = ("cat", "dog")


def picture(path, size=SIZE):
    """Write a grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), 90, np.uint8))
    return path


def coco():
    """Three pictures: two boxes (a cat and a dog), a crowd of dogs, and none; outlines are smaller than boxes."""
    boxes = [
        (10, 1, 1, [4, 5, 10, 8], 60.5, 0),
        (11, 1, 2, [20, 10, 20, 20], 300, 0),
        (12, 2, 2, [0, 0, 40, 30], 900, 1),
    ]
    return {
        "images": [{"id": id, "file_name": f"{id}.png", "width": 40, "height": 30} for id in (1, 2, 3)],
        "annotations": [
            {"id": id, "image_id": image, "category_id": category, "bbox": box, "area": area, "iscrowd": crowd}
            for id, image, category, box, area, crowd in boxes
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }


def write_coco_set(folder, content=None):
    """Write the set of `coco`, or another content, to ``labels.json``, and the pictures beside it."""
    for id in (1, 2, 3):
        picture(folder / f"{id}.png")
    path = folder / "labels.json"
    path.write_text(json.dumps(coco() if content is None else content))
    return path


def voc_object(name="cat", box=(5, 6, 14, 13), difficult=0):
    """An ``<object>``; corners as VOC counts them."""
    corners = "".join(
        f"<{corner}>{value}</{corner}>" for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{corners}</bndbox></object>"


def voc_annotation(folder, name, *objects, size=SIZE):
    """Write an annotation of VOC."""
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    path = folder / "Annotations" / f"{name}.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"<annotation>{told}{''.join(objects)}</annotation>"
    ElementTree.fromstring(text)
    path.write_text(text)
    return path


def write_voc_set(folder, part="train"):
    """The set of `coco` in VOC's layout."""
    voc_annotation(folder, "a", voc_object(), voc_object("dog", (21, 11, 40, 30)))
    voc_annotation(folder, "b", voc_object("dog", (1, 1, 40, 30), difficult=1))
    voc_annotation(folder, "c")
    for name in "abc":
        picture(folder / "JPEGImages" / f"{name}.jpg")
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / f"{part}.txt").write_text("a\nb\nc\n")
    return folder


TABLE = """image,xmin,ymin,xmax,ymax,label,difficult
1.png,4,5,14,13,cat,0
2.png,0,0,40,30,dog,1
1.png,20,10,40,30,dog,0
3.png,,,,,,
"""


def write_table_set(folder, text=TABLE):
    """The set of `coco` as a table."""
    for id in (1, 2, 3):
        picture(folder / f"{id}.png")
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def check_small_set(found):
    """That a set is the one of `coco`, whichever reader gave it."""
    assert found.classes == CLASSES
    first, second, third = found.images
    np.testing.assert_array_equal(first.boxes, [[4, 5, 14, 13], [20, 10, 40, 30]])
    assert first.labels.tolist() == [0, 1]
    assert first.ignored.tolist() == [False, False]
    assert (first.width, first.height) == SIZE
    np.testing.assert_array_equal(second.boxes, [[0, 0, 40, 30]])
    assert second.ignored.tolist() == [True]
    assert third.boxes.shape == (0, 4)
    assert third.labels.shape == third.ignored.shape == (0,)
    assert all(image.file.is_file() for image in found.images)
    assert found.counts() == {"cat": 1, "dog": 1}
    for image in found.images:
        assert (image.boxes.dtype, image.labels.dtype, image.ignored.dtype) == (np.float32, np.int64, bool)
