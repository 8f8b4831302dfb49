"""WFLW: faces with 98 points, a box and six attributes, one to a line of text.

    WFLW_images/EVENT/NAME.jpg
    WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train,test}.txt

A line has 207 fields: 98 times x and y, the box xmin ymin xmax ymax, six flags in the order of `ATTRIBUTES`, and the
image. Pixels are taken to be counted from 0; the set does not say.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.errors import DataError
from common.landmark_files.checks import check_part, face_name, tell_counts, with_images
from common.landmark_files.face import Face
from common.text_files import as_numbers, read_text

POINTS = 98
ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
PUBLISHED = {"train": 7500, "test": 2500}
_FIELDS = 2 * POINTS + 4 + len(ATTRIBUTES) + 1


def read_wflw(root: str | Path, part: str, skip_incomplete: bool = False) -> list[Face]:
    """The faces of WFLW.

    The six subsets of the test part are the faces with an attribute: pose 326, expression 314, illumination 698,
    make-up 206, occlusion 736, blur 773.

    Args:
        root: the folder of ``WFLW_images`` and ``WFLW_annotations``.
        part: ``'train'`` (published with 7500 faces) or ``'test'`` (2500).
        skip_incomplete: leave out faces whose image is missing, and say how many, instead of raising an error.

    Returns:
        Faces in the order of the list; a name is the path of the image and the number of the line, since an image may
        have many faces.

    Raises:
        ConfigError: for another part.
        DataError: if a file is missing, or a line does not have the layout above; names the line.
    """
    check_part(part, PUBLISHED, "WFLW")
    root = Path(root)
    path = root / "WFLW_annotations/list_98pt_rect_attr_train_test" / f"list_98pt_rect_attr_{part}.txt"
    faces = []
    for line, text in enumerate(read_text(path, "the list of WFLW").splitlines(), 1):
        fields = text.split()
        if fields:
            faces.append(_face(fields, line, path, root / "WFLW_images"))
    if not faces:
        raise DataError(f"expected lines of {_FIELDS} fields but found none in {path}")
    tell_counts("WFLW", [(path.name, PUBLISHED[part], len(faces))])
    return with_images(faces, path, skip_incomplete)


def _face(fields: list[str], line: int, path: Path, images: Path) -> Face:
    where = f"{path} (line {line})"
    if len(fields) != _FIELDS:
        raise DataError(f"expected {_FIELDS} fields but found {len(fields)} in {where}")
    numbers = as_numbers(fields[:-1], where)
    flags = numbers[2 * POINTS + 4 :]
    if not np.isin(flags, (0, 1)).all():
        raise DataError(f"expected 0 or 1 for {', '.join(ATTRIBUTES)} but found {fields[-7:-1]} in {where}")
    return Face(
        image=images / fields[-1],
        points=numbers[: 2 * POINTS].reshape(-1, 2).astype(np.float32),
        visible=np.ones(POINTS, bool),
        box=numbers[2 * POINTS : 2 * POINTS + 4].astype(np.float32),
        attributes=dict(zip(ATTRIBUTES, (flags == 1).tolist(), strict=True)),
        name=f"{face_name(fields[-1])}_{line}",
    )
