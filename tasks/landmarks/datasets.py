"""Data sets of labelled faces, as configs name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from mmengine.config import Config
from mmengine.registry import DATASETS

from common.classification import data_check
from common.errors import ConfigError
from common.landmark_files import (
    Face,
    load_scheme,
    read_300w,
    read_coco,
    read_cofw,
    read_dlib,
    read_folder,
    read_table,
    read_wflw,
    split_faces,
)
from common.training import set_data_root
from tasks.landmarks.face_dataset import FaceDataset

PARTS = ("train", "val", "test")


@DATASETS.register_module()
class PTSFaces(FaceDataset):
    """A folder of images with PTS or LJSON files beside them, in subfolders ``train``, ``val`` and ``test``.

    Args:
        data_root: the folder.
        part: ``'train'``, ``'val'`` or ``'test'``. Without a folder ``val`` it is taken from ``train``.
        scheme: of the points; None reads ``scheme.json`` in the folder.
        val_share: share of the training faces that validates where there is no folder ``val``; 0 trains on all.
        split_seed: of that choice.
        group: which names belong together, such as those of a person or a video, see
            `common.landmark_files.split_faces`; faces of one image always stay together.
        skip_incomplete: leave out images without points and the reverse.
        settings: see `FaceDataset`.
    """

    def __init__(
        self,
        data_root: str,
        part: str = "train",
        scheme: str | None = "68",
        val_share: float = 0.1,
        split_seed: int = 0,
        group: str | None = None,
        skip_incomplete: bool = False,
        **settings: Any,
    ):
        _known(part)
        root = Path(data_root)
        scheme = load_scheme(root / "scheme.json" if scheme is None else scheme)
        if part == "test" or (root / "val").is_dir():
            faces = read_folder(root / part, scheme, skip_incomplete)
        else:
            faces = read_folder(root / "train", scheme, skip_incomplete)
            faces = _share_of(faces, part, val_share, split_seed, group)
        super().__init__(faces, scheme, **settings)


@DATASETS.register_module()
class W300(FaceDataset):
    """300W: 3,148 faces to train on (a share of which validates), 689 to test on, and 600 private ones.

    Args:
        data_root: the folder with afw, helen, lfpw and ibug, and Test for the private part.
        part: ``'train'``, ``'val'``, ``'test'`` or ``'private'``.
        val_share: share of the training faces that validates; 0 trains on all.
        split_seed: of that choice.
        group: see `PTSFaces`.
        skip_incomplete: leave out images without points and the reverse.
        settings: see `FaceDataset`; annotated boxes are the official detector's, which the private part has none of.
    """

    def __init__(
        self,
        data_root: str,
        part: str = "train",
        val_share: float = 0.1,
        split_seed: int = 0,
        group: str | None = None,
        skip_incomplete: bool = False,
        **settings: Any,
    ):
        _known(part, (*PARTS, "private"))
        boxes = settings.get("box", "points") != "points"
        faces = read_300w(data_root, "train" if part == "val" else part, boxes, skip_incomplete)
        super().__init__(_share_of(faces, part, val_share, split_seed, group), "68", **settings)


@DATASETS.register_module()
class COFW(FaceDataset):
    """COFW: 1,345 faces of 29 points to train on (a share of which validates), 507 to test on.

    Arguments as of `W300`, without ``skip_incomplete``; ``data_root`` holds COFW_train_color.mat and
    COFW_test_color.mat. Faces have no names but their numbers for ``group``.
    """

    def __init__(
        self,
        data_root: str,
        part: str = "train",
        val_share: float = 0.1,
        split_seed: int = 0,
        group: str | None = None,
        **settings: Any,
    ):
        _known(part)
        faces = read_cofw(data_root, "test" if part == "test" else "train")
        super().__init__(_share_of(faces, part, val_share, split_seed, group), "29", **settings)


@DATASETS.register_module()
class WFLW(FaceDataset):
    """WFLW: 7,500 faces of 98 points to train on (a share of which validates), 2,500 to test on.

    Arguments as of `W300`; ``data_root`` holds WFLW_images and WFLW_annotations, ``box='annotated'`` is the list's, and
    ``skip_incomplete`` leaves out faces whose image is missing.
    """

    def __init__(
        self,
        data_root: str,
        part: str = "train",
        val_share: float = 0.1,
        split_seed: int = 0,
        group: str | None = None,
        skip_incomplete: bool = False,
        **settings: Any,
    ):
        _known(part)
        faces = read_wflw(data_root, "test" if part == "test" else "train", skip_incomplete)
        super().__init__(_share_of(faces, part, val_share, split_seed, group), "98", **settings)


class ListedFaces(FaceDataset):
    """Faces that a file lists.

    Args:
        data_root: folder that the other paths are in.
        ann_file: the file.
        scheme: of the points.
        image_root: folder of the images.
        part: ``'train'`` or ``'val'``, of a file that both are taken from; None for all faces of the file.
        val_share: share of the faces that validates then.
        split_seed: of that choice.
        group: see `PTSFaces`.
        first_pixel: what the file calls the middle of the first pixel; 1 for files made from PTS or MATLAB files
            without subtracting it.
        skip_incomplete: leave out faces whose image is missing.
        settings: see `FaceDataset`.
    """

    reader: ClassVar[Callable[..., list[Face]]]

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        scheme: str,
        image_root: str = "",
        part: str | None = None,
        val_share: float = 0.1,
        split_seed: int = 0,
        group: str | None = None,
        first_pixel: float = 0.0,
        skip_incomplete: bool = False,
        **settings: Any,
    ):
        if part not in (None, "train", "val"):
            raise ConfigError(f"expected part 'train' or 'val', or none for all of {ann_file}, but found {part!r}")
        scheme = load_scheme(scheme)
        paths = Path(data_root, ann_file), Path(data_root, image_root)
        faces = type(self).reader(*paths, scheme.num_points, first_pixel, skip_incomplete)
        super().__init__(_share_of(faces, part, val_share, split_seed, group), scheme, **settings)


@DATASETS.register_module()
class CocoFaces(ListedFaces):
    """Faces with key points in COCO's JSON; arguments as of `ListedFaces`."""

    reader = staticmethod(read_coco)


@DATASETS.register_module()
class TableFaces(ListedFaces):
    """Faces in a table of one line each; see `common.landmark_files.read_table` for the layouts.

    Arguments as of `ListedFaces`.
    """

    reader = staticmethod(read_table)


@DATASETS.register_module()
class DlibFaces(ListedFaces):
    """Faces in an XML file of dlib's imglab, which names images from its own folder on: give that as ``image_root``.

    Arguments as of `ListedFaces`.
    """

    reader = staticmethod(read_dlib)


def _share_of(faces: list[Face], part: str | None, share: float, seed: int, group: str | None = None) -> list[Face]:
    """What a part has of faces that ``'train'`` and ``'val'`` are both taken from; any other part has all of them."""
    if part not in ("train", "val"):
        return faces
    training, held = split_faces(faces, share, seed, group) if share else (faces, faces[:0])
    return training if part == "train" else held


def _known(part: str, parts: Sequence[str] = PARTS) -> None:
    if part not in parts:
        raise ConfigError(f"expected part {', '.join(parts)} but found {part!r}")


def build_dataset(cfg: Config, split: str, data_root: str | None = None) -> FaceDataset:
    """The data set of one of a config's loaders.

    Args:
        cfg: the config.
        split: ``'train'``, ``'val'`` or ``'test'``.
        data_root: the data folder, in place of the config's.

    Raises:
        ConfigError: if there is no such loader, or its data set cannot be built.
        DataError: as the data sets.
    """
    if data_root:
        set_data_root(cfg, data_root)
    return data_check.build_dataset(cfg, split)
