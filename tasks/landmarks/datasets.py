"""Data sets of labelled faces, cut out of their images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from common.classification import data_check
from common.errors import ConfigError, DataError, did_you_mean
from common.landmark_files import (
    Face,
    LandmarkScheme,
    load_scheme,
    read_300w,
    read_coco,
    read_cofw,
    read_dlib,
    read_face_image,
    read_folder,
    read_table,
    read_wflw,
    split_faces,
)
from common.training import set_data_root
from tasks.landmarks.augment import FaceAugment
from tasks.landmarks.crop import apply, box_of, normalised, square_crop, stretched_crop, warp
from tasks.landmarks.shape_model import ShapeModel

PARTS = ("train", "val", "test")


class FaceDataset(Dataset):
    """Faces as square crops of ``size`` pixels with their points.

    A sample has ``inputs``, the crop, uint8 ``[3, S, S]`` in RGB, and ``data_samples`` with ``gt_points`` float32
    ``[2n]`` (interleaved, normalised as in `tasks.landmarks.crop`), ``gt_visible`` bool ``[n]``, ``gt_index``,
    ``gt_subset`` (place of the face's subset in ``metainfo['subsets']``, or -1), and what leads back to the image:
    ``image_points`` float32 ``[n, 2]`` in its pixels, ``to_crop`` float64 ``[2, 3]``; with ``soft`` also ``gt_soft``
    ``[2n]``.

    Args:
        faces: the faces.
        scheme: see `common.landmark_files.load_scheme`.
        size: side S of the crop.
        margin: share of the box's longer side that is added on each side.
        box: ``'points'``, the tight box of the labelled points, or ``'annotated'``, the one in the files.
        stretch: crop the box and so many pixels around it, and stretch it to a square, as the authors of KD-Loss did
            (10 for 300W, 3 for WFLW); in place of ``margin``, and not with ``augment``.
        augment: arguments of `tasks.landmarks.augment.FaceAugment`; None for the same crop every time.
        views: with ``augment``, so many fixed views of each face (the authors of KD-Loss made 5 to 20), in place of new
            ones in every epoch; a teacher's answers to them can then be stored.
        soft: arguments of `ShapeModel.fit` beside the points, such as ``dict(variance=0.9)``: it is fitted to the
            points of ``soft_views`` views of each face, and ``gt_soft`` are a sample's points after it.
        soft_views: see there.
        view_seed: of the fixed views.
        oversample: attribute -> how many more draws a face that has it gets in training, for each one that a face
            without any gets; what several attributes ask for adds up.

    Raises:
        ConfigError: for arguments that exclude each other, or an attribute that is not told of any face.
        DataError: if there are no faces, one has another number of points than the scheme, or no annotated box.
    """

    def __init__(
        self,
        faces: Sequence[Face],
        scheme: str | LandmarkScheme = "68",
        size: int = 224,
        margin: float = 0.25,
        box: str = "points",
        stretch: float | None = None,
        augment: Mapping[str, Any] | None = None,
        views: int | None = None,
        soft: Mapping[str, Any] | None = None,
        soft_views: int = 4,
        view_seed: int = 0,
        oversample: Mapping[str, float] | None = None,
    ):
        self.scheme = load_scheme(scheme)
        self.faces, self.size, self.margin, self.box, self.stretch = list(faces), size, margin, box, stretch
        if not self.faces:
            raise DataError("expected labelled faces but found none; check data_root and the part")
        self.augment = None if augment is None else FaceAugment(**augment)
        self.views, self.view_seed = views, view_seed
        self._check()
        self.shape_model = self._fit(soft, soft_views) if soft is not None else None
        self.weights = self._weights(oversample) if oversample else None
        self.subsets = sorted({face.subset for face in self.faces} - {""})
        self.metainfo = {"classes": (), "scheme": self.scheme.as_dict(), "subsets": self.subsets}

    def _check(self) -> None:
        if self.box not in ("points", "annotated"):
            raise ConfigError(f"expected box 'points' or 'annotated' but found {self.box!r}")
        if self.stretch is not None and self.augment is not None:
            raise ConfigError("expected either stretch or augment but found both; stretched crops are not varied")
        if self.views is not None and (self.augment is None or self.views < 1):
            raise ConfigError(f"expected views of at least 1 together with augment but found views={self.views}")
        for face in self.faces:
            if len(face.points) != self.scheme.num_points:
                raise DataError(
                    f"expected {self.scheme.num_points} points, as scheme {self.scheme.name!r} has, but found "
                    f"{len(face.points)} of {face.name} ({face.image})"
                )
            if self.box == "annotated" and face.box is None:
                raise DataError(f"expected a box for each face but found none for {face.name}; use box='points'")

    def _weights(self, oversample: Mapping[str, float]) -> list[float]:
        """How often each sample is drawn, for `common.sampling.SeededSampler`."""
        known = sorted({name for face in self.faces for name in face.attributes})
        for name, more in oversample.items():
            if name not in known:
                found = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
                raise ConfigError(f"oversample: no attribute {name!r}{found}")
            if not (isinstance(more, (int, float)) and 0 <= more < float("inf")):
                raise ConfigError(f"oversample: expected a number of at least 0 for {name!r} but found {more!r}")
        asked = ([more for name, more in oversample.items() if face.attributes.get(name)] for face in self.faces)
        return [1.0 + sum(each) for each in asked] * (self.views or 1)

    @property
    def deterministic(self) -> bool:
        """Whether a sample looks the same every time."""
        return self.augment is None or self.views is not None

    def full_init(self) -> None:
        """Nothing is left to do."""

    def __len__(self) -> int:
        return len(self.faces) * (self.views or 1)

    def __getitem__(self, index: int) -> dict[str, Any]:
        number = index % len(self.faces)
        face = self.faces[number]
        random = self._random(index)
        matrix, flip = self._to_crop(face, random)
        image = warp(read_face_image(face), matrix, self.size)
        if self.augment is not None:
            image = self.augment.paint(image, random)
        points = self._points(face, matrix, flip)
        order = list(self.scheme.flip) if flip else slice(None)
        sample = BaseDataElement(
            gt_points=torch.from_numpy(points.astype(np.float32)),
            gt_visible=torch.from_numpy(np.ascontiguousarray(face.visible[order])),
            gt_index=torch.tensor(index),
            gt_subset=torch.tensor(self.subsets.index(face.subset) if face.subset else -1),
            image_points=torch.from_numpy(np.ascontiguousarray(face.points[order], np.float32)),
            to_crop=torch.from_numpy(matrix),
        )
        if self.shape_model is not None:
            sample.gt_soft = torch.from_numpy(self.shape_model.project(points).astype(np.float32))
        return {"inputs": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), "data_samples": sample}

    def _random(self, index: int) -> np.random.Generator:
        """What a sample draws from: of itself where views are fixed, else of what `SeededDataset` seeded."""
        entropy = (self.view_seed, index) if self.views else tuple(np.random.randint(2**31, size=4))
        return np.random.default_rng(entropy)

    def _to_crop(self, face: Face, random: np.random.Generator) -> tuple[np.ndarray, bool]:
        """The map into the crop, and whether it mirrors."""
        box = face.box if self.box == "annotated" else box_of(face.points)
        if self.stretch is not None:
            return stretched_crop(box, self.size, self.stretch), False
        geometry = {} if self.augment is None else self.augment.geometry(random)
        return square_crop(box, self.size, self.margin, **geometry), geometry.get("flip", False)

    def _points(self, face: Face, matrix: np.ndarray, flip: bool) -> np.ndarray:
        """Normalised coordinates in a crop, float64 ``[2n]``, numbered as in an image that was never mirrored."""
        points = normalised(apply(matrix, face.points.astype(np.float64)), self.size)
        return (points[list(self.scheme.flip)] if flip else points).ravel()

    def mean_points(self) -> np.ndarray:
        """Normalised coordinates of the mean face, float64 ``[2n]``, of one view of each face."""
        return self._shapes(1).mean(axis=0)

    def _fit(self, soft: Mapping[str, Any], views: int) -> ShapeModel:
        return ShapeModel.fit(self._shapes(views), **soft)

    def _shapes(self, views: int) -> np.ndarray:
        """Points of so many views of each face, ``[F * views, 2n]``."""
        shapes = []
        for number, face in enumerate(self.faces):
            for view in range(views if self.augment is not None else 1):
                random = np.random.default_rng((self.view_seed, number, view))
                shapes.append(self._points(face, *self._to_crop(face, random)))
        return np.stack(shapes)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what the samples follow from, for `common.cache`: files as they are, points and settings."""
        told = hashlib.sha256()
        settings = (self.size, self.margin, self.box, self.stretch, self.views, self.view_seed, self.scheme.name)
        told.update(repr((settings, None if self.augment is None else sorted(self.augment.settings.items()))).encode())
        for face in self.faces:
            state = Path(face.image).stat()
            told.update(f"{face.name} {face.index} {state.st_size} {state.st_mtime_ns}".encode())
            told.update(np.ascontiguousarray(face.points).tobytes())
        return told.hexdigest()


def _held_out(faces: list[Face], part: str, share: float, seed: int, group: str | None = None) -> list[Face]:
    """The part ``'train'`` or ``'val'`` of training faces that are not split yet."""
    training, held = split_faces(faces, share, seed, group) if share else (faces, faces[:0])
    return training if part == "train" else held


def _known(part: str, parts: Sequence[str] = PARTS) -> None:
    if part not in parts:
        raise ConfigError(f"expected part {', '.join(parts)} but found {part!r}")


@DATASETS.register_module()
class PTSFaces(FaceDataset):
    """A folder of images with PTS or LJSON files beside them, in subfolders ``train``, ``val`` and ``test``.

    Args:
        data_root: the folder.
        part: ``'train'``, ``'val'`` or ``'test'``. Without a folder ``val`` it is taken from ``train``.
        scheme: of the points; None reads ``scheme.json`` in the folder.
        val_share: share of the training faces that validates where there is no folder ``val``.
        split_seed: of that choice.
        group: which names belong to one person, see `common.landmark_files.split_faces`; such faces stay together.
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
        **settings: Any,
    ):
        _known(part)
        root = Path(data_root)
        scheme = load_scheme(root / "scheme.json" if scheme is None else scheme)
        if part == "test" or (root / "val").is_dir():
            faces = read_folder(root / part, scheme)
        else:
            faces = _held_out(read_folder(root / "train", scheme), part, val_share, split_seed, group)
        super().__init__(faces, scheme, **settings)


@DATASETS.register_module()
class W300(FaceDataset):
    """300W: 3,148 faces to train on (a share of which validates), 689 to test on, and 600 private ones.

    Args:
        data_root: the folder with afw, helen, lfpw and ibug, and Test for the private part.
        part: ``'train'``, ``'val'``, ``'test'`` or ``'private'``.
        val_share: share of the training faces that validates; 0 trains on all.
        split_seed: of that choice.
        settings: see `FaceDataset`.
    """

    def __init__(
        self, data_root: str, part: str = "train", val_share: float = 0.1, split_seed: int = 0, **settings: Any
    ):
        _known(part, (*PARTS, "private"))
        if part in ("train", "val"):
            faces = _held_out(read_300w(data_root, "train"), part, val_share, split_seed)
        else:
            faces = read_300w(data_root, part)
        super().__init__(faces, "68", **settings)


@DATASETS.register_module()
class COFW(FaceDataset):
    """COFW: 1,345 faces of 29 points to train on (a share of which validates), 507 to test on.

    Arguments as of `W300`; ``data_root`` holds COFW_train_color.mat and COFW_test_color.mat.
    """

    def __init__(
        self, data_root: str, part: str = "train", val_share: float = 0.1, split_seed: int = 0, **settings: Any
    ):
        _known(part)
        faces = read_cofw(data_root, "test" if part == "test" else "train")
        if part != "test":
            faces = _held_out(faces, part, val_share, split_seed)
        super().__init__(faces, "29", **settings)


@DATASETS.register_module()
class WFLW(FaceDataset):
    """WFLW: 7,500 faces of 98 points to train on (a share of which validates), 2,500 to test on.

    Arguments as of `W300`; ``data_root`` holds WFLW_images and WFLW_annotations.
    """

    def __init__(
        self, data_root: str, part: str = "train", val_share: float = 0.1, split_seed: int = 0, **settings: Any
    ):
        _known(part)
        faces = read_wflw(data_root, "test" if part == "test" else "train")
        if part != "test":
            faces = _held_out(faces, part, val_share, split_seed)
        super().__init__(faces, "98", **settings)


class ListedFaces(FaceDataset):
    """Faces that a file lists.

    Args:
        data_root: folder that the other paths are in.
        ann_file: the file.
        scheme: of the points.
        image_root: folder of the images.
        settings: see `FaceDataset`.
    """

    reader: ClassVar[Callable[..., list[Face]]]

    def __init__(self, data_root: str, ann_file: str, scheme: str, image_root: str = "", **settings: Any):
        scheme = load_scheme(scheme)
        faces = type(self).reader(Path(data_root, ann_file), Path(data_root, image_root), scheme.num_points)
        super().__init__(faces, scheme, **settings)


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
