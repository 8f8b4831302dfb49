"""300W: photographs in folders of the sets they come from, with 68 points in PTS files beside them.

    afw/  helen/{trainset,testset}/  lfpw/{trainset,testset}/  ibug/     NAME.jpg or NAME.png, and NAME.pts
    Test/{01_Indoor,02_Outdoor}/                                         the private test
    bounding_boxes_{afw,helen_trainset,...}.mat                          official boxes, in any folder

Names of folders may be in any case.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from common.errors import DataError
from common.landmark_files.checks import check_part, inner_folder, tell_counts
from common.landmark_files.face import Face
from common.landmark_files.folder import paired_files
from common.landmark_files.pts import read_pts

POINTS = 68


class _Source(NamedTuple):
    """A folder, the subset its faces are of, and the number of faces that it was published with."""

    folder: str
    subset: str
    count: int


# train 3148, test 554 common + 135 challenging, private 600
_PARTS = {
    "train": (_Source("afw", "", 337), _Source("helen/trainset", "", 2000), _Source("lfpw/trainset", "", 811)),
    "test": (
        _Source("helen/testset", "common", 330),
        _Source("lfpw/testset", "common", 224),
        _Source("ibug", "challenging", 135),
    ),
    "private": (_Source("Test/01_Indoor", "indoor", 300), _Source("Test/02_Outdoor", "outdoor", 300)),
}
# Of the copies mirrored left to right that some archives bring along.
_MIRRORED = "_mirror"


def read_300w(root: str | Path, part: str, boxes: bool = False, skip_incomplete: bool = False) -> list[Face]:
    """The faces of a part of 300W.

    Mirrored copies (``NAME_mirror.jpg``) are passed over. A warning tells where the number of faces is not the
    published one.

    Args:
        root: folder with the layout above; the private test may also be in it without ``Test``.
        part: ``'train'`` (3148 faces), ``'test'`` (689, subsets ``'common'`` 554 and ``'challenging'`` 135) or
            ``'private'`` (600, subsets ``'indoor'`` and ``'outdoor'``).
        boxes: read the official boxes of the face detector; there are none for the private test.
        skip_incomplete: leave out images without PTS and the reverse, and say how many, instead of raising an error.

    Returns:
        Faces by folder, then by name, such as ``'helen/testset/1_1'``.

    Raises:
        ConfigError: for another part.
        DataError: if a folder or a file is missing or malformed, or a face has no official box.
    """
    check_part(part, _PARTS, "300W")
    faces, counts = [], []
    for source in _PARTS[part]:
        folder = _folder(Path(root), source.folder)
        official = _official_boxes(Path(root), source.folder) if boxes else {}
        here = []
        for name, image, label in paired_files(folder, skip_incomplete, _MIRRORED, (".pts",)):
            box = official.get(_key(image)) if boxes else None
            if boxes and box is None:
                raise DataError(f"expected an official box of {image} but found none in {_box_file(source.folder)}")
            points = read_pts(label, POINTS)
            name = f"{source.folder.removeprefix('Test/')}/{name}"
            here.append(Face(image, points, np.ones(POINTS, bool), box, source.subset, name=name))
        faces += here
        counts.append((source.folder, source.count, len(here)))
    tell_counts(f"300W, {part}", counts)
    return faces


def _folder(root: Path, relative: str) -> Path:
    short = relative.removeprefix("Test/")
    if short != relative:
        for candidate in (short, f"300W/{short}"):
            try:
                return inner_folder(root, candidate)
            except DataError:
                continue
    return inner_folder(root, relative)


def _box_file(folder: str) -> str:
    return f"bounding_boxes_{folder.replace('/', '_').lower()}.mat"


def _key(image: str | Path) -> str:
    """Name of an image as boxes are looked up: the files of ibug have blanks that their boxes may lack."""
    return Path(image).stem.replace(" ", "")


def _official_boxes(root: Path, folder: str) -> dict[str, np.ndarray]:
    """Name of image -> the detector's box, float32 x0, y0, x1, y1 in pixels from 0.

    The file has a cell of structures ``imgName``, ``bb_detector`` and ``bb_ground_truth``, in MATLAB's pixels from 1.
    """
    name = _box_file(folder)
    path = next(iter(sorted(root.rglob(name))), None)
    if path is None:
        raise DataError(f"expected the official boxes {name} in {root.absolute()} but found no such file")
    try:
        cells = loadmat(path, squeeze_me=True, struct_as_record=False)["bounding_boxes"]
        boxes = {_key(cell.imgName): np.asarray(cell.bb_detector, np.float32) - 1 for cell in np.atleast_1d(cells)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, MatReadError) as error:
        raise DataError(
            f"expected a cell bounding_boxes of imgName and bb_detector in {path} but found: {error}"
        ) from error
    for image, box in boxes.items():
        if box.shape != (4,) or not np.isfinite(box).all():
            raise DataError(f"expected four finite numbers for the box of {image} in {path} but found {box.tolist()}")
    return boxes
