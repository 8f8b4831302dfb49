"""COFW: faces with 29 points and marks of occlusion, in MATLAB files of version 7.3, which are HDF5.

Where MATLAB has N x 87, HDF5 has 87 x N: every array is seen transposed. A file holds, with the ending Tr for training
and T for testing,

- ``IsTr``: 1 x N references to images, W x H (gray) or 3 x W x H;
- ``bboxesTr``: 4 x N, a detector's x, y, width and height;
- ``phisTr``: 87 x N, 29 x, 29 y and 29 flags, 1 for occluded.

Pixels are counted from 1.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from common.errors import DataError
from common.landmark_files.checks import check_part, tell_counts
from common.landmark_files.face import Face

POINTS = 29
PUBLISHED = {"train": 1345, "test": 507}
_ENDINGS = {"train": "Tr", "test": "T"}
_WANTED = "COFW_train_color.mat and COFW_test_color.mat of COFW_color.zip"

# path -> (process, time of last change, file). A process that was forked opens the file anew, since it would share the
# place of reading with its parent.
_open_files: dict[str, tuple[int, int, h5py.File]] = {}


def read_cofw(root: str | Path, part: str) -> list[Face]:
    """The faces of COFW.

    Args:
        root: the folder of ``COFW_train_color.mat`` and ``COFW_test_color.mat`` (or of the gray ones, without _color),
            or one of these files.
        part: ``'train'`` (published with 1345 faces) or ``'test'`` (507).

    Returns:
        Faces in the order of the file, whose ``image`` is the file and ``index`` the place in it; an occluded point is
        not ``visible``.

    Raises:
        ConfigError: for another part.
        DataError: if the file is missing, not of MATLAB's version 7.3, or without the arrays above.
    """
    check_part(part, _ENDINGS, "COFW")
    path = _find(Path(root), part)
    ending = _ENDINGS[part]
    file = _open(path)
    count = _array(file, f"Is{ending}", path).size
    phis = _numbers(file, f"phis{ending}", (3 * POINTS, count), path)
    boxes = _numbers(file, f"bboxes{ending}", (4, count), path)
    points = np.stack([phis[:POINTS].T, phis[POINTS : 2 * POINTS].T], axis=2) - 1
    corners = np.concatenate([boxes[:2], boxes[:2] + boxes[2:]]).T - 1
    occluded = phis[2 * POINTS :].T
    if not np.isin(occluded, (0, 1)).all():
        index = int((~np.isin(occluded, (0, 1))).any(axis=1).argmax())
        raise DataError(
            f"expected flags 0 or 1 for occlusion but found others in phis{ending} of face {index} in {path}"
        )
    tell_counts("COFW", [(path.name, PUBLISHED[part], count)])
    return [
        Face(
            image=path,
            points=points[index].astype(np.float32),
            visible=occluded[index] == 0,
            box=corners[index].astype(np.float32),
            index=index,
        )
        for index in range(count)
    ]


def read_cofw_image(path: str | Path, index: int) -> np.ndarray:
    """An image of COFW, uint8 ``[H, W, 3]``, RGB; gray ones have three equal channels.

    The file stays open for the next image, once in each process.

    Args:
        path: the file.
        index: place of the image in it, from 0 on.

    Raises:
        DataError: if the file or the image is missing or damaged.
    """
    dataset = _image(Path(path), index)
    try:
        image = dataset[()].T
    except OSError as error:
        raise DataError(f"expected image {index} of {path} but found damaged data; copy the file again") from error
    return np.ascontiguousarray(np.dstack([image] * 3) if image.ndim == 2 else image)


def cofw_image_size(path: str | Path, index: int) -> tuple[int, int]:
    """Width and height of an image of COFW, without reading it; see `read_cofw_image`."""
    width, height = _image(Path(path), index).shape[-2:]
    return width, height


def _find(root: Path, part: str) -> Path:
    if root.is_file():
        return root
    names = [f"COFW_{part}_color.mat", f"COFW_{part}.mat"]
    for name in names:
        # The archive has a folder of its own.
        found = [root / name, *sorted(root.glob(f"*/{name}"))]
        for path in found:
            if path.is_file():
                return path
    raise DataError(f"expected {names[0]} in {root.absolute()} but found no such file; take {_WANTED}")


def _open(path: Path) -> h5py.File:
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise DataError(f"expected {_WANTED} but found no file {path}") from error
    key, state = str(path.absolute()), (os.getpid(), changed)
    if key in _open_files:
        *known, file = _open_files[key]
        if tuple(known) == state:
            return file
        # Before it is opened anew: HDF5 gives a file that is open already the same handle again.
        file.close()
        del _open_files[key]
    if not h5py.is_hdf5(path):
        raise DataError(
            f"expected a MATLAB file of version 7.3 (HDF5) but found another one in {path}; take {_WANTED}, or save it "
            "anew in MATLAB by save(..., '-v7.3')"
        )
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"expected a MATLAB file of version 7.3 but found a damaged one in {path}: {error}") from error
    _open_files[key] = (*state, file)
    return file


def _array(file: h5py.File, key: str, path: Path) -> h5py.Dataset:
    array = file.get(key)
    if not isinstance(array, h5py.Dataset):
        raise DataError(
            f"expected an array {key} but found {', '.join(name for name in file if name[0] != '#') or 'nothing'} in "
            f"{path}; take {_WANTED}"
        )
    return array


def _numbers(file: h5py.File, key: str, shape: tuple[int, int], path: Path) -> np.ndarray:
    """An array of finite numbers, float64."""
    array = _array(file, key, path)
    if array.shape != shape:
        raise DataError(
            f"expected {shape[0]} x {shape[1]} numbers in {key}, as HDF5 sees MATLAB's {shape[1]} x {shape[0]}, but "
            f"found {' x '.join(map(str, array.shape))} in {path}"
        )
    try:
        numbers = array[()].astype(np.float64)
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"expected numbers in {key} but found other or damaged data in {path}") from error
    if not np.isfinite(numbers).all():
        index = int((~np.isfinite(numbers)).any(axis=0).argmax())
        raise DataError(f"expected finite numbers in {key} but found others for face {index} in {path}")
    return numbers


def _image(path: Path, index: int) -> h5py.Dataset:
    file = _open(path)
    references = _array(file, "IsTr" if "IsTr" in file else "IsT", path)
    if not 0 <= index < references.size:
        raise DataError(f"expected images 0 to {references.size - 1} in {path} but found {index} asked for")
    place = (0, index) if references.shape[0] == 1 else (index, 0)
    dataset = file.get(references[place])
    fits = isinstance(dataset, h5py.Dataset) and dataset.dtype == np.uint8
    if not fits or not (dataset.ndim == 2 or (dataset.ndim == 3 and dataset.shape[0] == 3)):
        found = f"{dataset.dtype} {list(dataset.shape)}" if isinstance(dataset, h5py.Dataset) else "none"
        raise DataError(f"expected image {index} as uint8 W x H or 3 x W x H but found {found} in {path}")
    return dataset
