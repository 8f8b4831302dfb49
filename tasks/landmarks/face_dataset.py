"""Labelled faces as samples, cut out of their images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from common.errors import ConfigError, DataError, did_you_mean
from common.landmark_files import Face, LandmarkScheme, load_scheme, read_face_image
from tasks.landmarks.augment import FaceAugment
from tasks.landmarks.crop import apply, box_of, joint_box, normalised, square_crop, stretched_crop, warp
from tasks.landmarks.shape_model import ShapeModel

BOXES = ("points", "annotated", "union")


class FaceDataset(Dataset):
    """Faces as square crops of ``size`` pixels with their points.

    A sample has ``inputs``, the crop, uint8 ``[3, S, S]`` in RGB, and ``data_samples`` with ``gt_points`` float32
    ``[2n]`` (interleaved, normalised as in `tasks.landmarks.crop`), ``gt_visible`` bool ``[n]``, ``gt_index``,
    ``gt_subset`` (place of the face's subset in ``metainfo['subsets']``, or -1), and what leads back to the image:
    ``image_points`` float32 ``[n, 2]`` in its pixels, ``to_crop`` float64 ``[2, 3]``; with ``soft`` also ``gt_soft``
    ``[2n]``; where the faces' attributes are told also ``gt_attributes``, which of ``metainfo['attributes']`` it has,
    bool ``[A]``.

    Args:
        faces: the faces.
        scheme: see `common.landmark_files.load_scheme`.
        size: side S of the crop.
        margin: share of the box's longer side that is added on each side.
        box: ``'points'``, the tight box of the labelled points; ``'annotated'``, the one in the files; or ``'union'``,
            the smallest around both, as the authors of KD-Loss cut COFW.
        stretch: crop the box and so many pixels around it, and stretch it to a square, as the authors of KD-Loss did
            (10 for 300W, 3 for WFLW); in place of ``margin``.
        augment: arguments of `tasks.landmarks.augment.FaceAugment`, whose geometry a stretched crop goes through after
            it is stretched; None for the same crop every time.
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
        self.attributes = list(dict.fromkeys(name for face in self.faces for name in face.attributes))
        self.metainfo = {
            "classes": (),
            "scheme": self.scheme.as_dict(),
            "subsets": self.subsets,
            "attributes": self.attributes,
        }

    def _check(self) -> None:
        if self.box not in BOXES:
            raise ConfigError(f"expected box {', '.join(map(repr, BOXES))} but found {self.box!r}")
        if self.stretch is not None and not 0 <= self.stretch < float("inf"):
            raise ConfigError(f"expected stretch of 0 or more pixels but found {self.stretch}")
        if self.views is not None and (self.augment is None or self.views < 1):
            raise ConfigError(f"expected views of at least 1 together with augment but found views={self.views}")
        for face in self.faces:
            if len(face.points) != self.scheme.num_points:
                raise DataError(
                    f"expected {self.scheme.num_points} points, as scheme {self.scheme.name!r} has, but found "
                    f"{len(face.points)} of {face.name} ({face.image})"
                )
            if self.box != "points" and face.box is None:
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
        if self.attributes:
            sample.gt_attributes = torch.tensor([bool(face.attributes.get(name)) for name in self.attributes])
        if self.shape_model is not None:
            sample.gt_soft = torch.from_numpy(self.shape_model.project(points).astype(np.float32))
        return {"inputs": torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), "data_samples": sample}

    def _random(self, index: int) -> np.random.Generator:
        """What a sample draws from: of itself where views are fixed, else of what `SeededDataset` seeded."""
        entropy = (self.view_seed, index) if self.views else tuple(np.random.randint(2**31, size=4))
        return np.random.default_rng(entropy)

    def _to_crop(self, face: Face, random: np.random.Generator) -> tuple[np.ndarray, bool]:
        """The map into the crop, and whether it mirrors."""
        box = box_of(face.points) if self.box == "points" else face.box
        if self.box == "union":
            box = joint_box(box, box_of(face.points))
        geometry = {} if self.augment is None else self.augment.geometry(random)
        flip = geometry.get("flip", False)
        if self.stretch is not None:
            return stretched_crop(box, self.size, self.stretch, **geometry), flip
        return square_crop(box, self.size, self.margin, **geometry), flip

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
            if self.box != "points":
                told.update(np.ascontiguousarray(face.box).tobytes())
        return told.hexdigest()
