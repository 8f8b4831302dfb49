"""A linear model of the shape of faces, whose projections are soft landmarks: what a tolerant teacher learns."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from common.atomic import atomic_write
from common.errors import DataError

Points = TypeVar("Points", np.ndarray, Tensor)
KEYS = ("mean", "modes", "eigenvalues", "total_variance", "variance")


@dataclass(frozen=True)
class ShapeModel:
    r"""Principal components of faces, as the soft landmarks of KD-Loss [0] are made from.

    Points are interleaved, x1, y1, x2, y2, …, as they stand in the crop: nothing is aligned before, so that the model
    holds turns and shifts of faces too.

    Attributes:
        mean: float64 ``[2n]``.
        modes: float64 ``[2n, k]``, orthonormal columns, the strongest first; the largest entry of each is positive.
        eigenvalues: float64 ``[k]``, variance along each mode (sum of squares / (N - 1)).
        total_variance: sum over all modes, also those that were dropped.
        variance: share of it that was asked for; 1 makes `project` the identity.

    [0] Fard, Mahoor, Facial Landmark Points Detection Using Knowledge Distillation-Based Neural Networks, 2022; code
        aliprf/KD-Loss ``pca_utility.py``.
    """

    mean: np.ndarray
    modes: np.ndarray
    eigenvalues: np.ndarray
    total_variance: float
    variance: float

    @classmethod
    def fit(cls, points: ArrayLike, variance: float = 0.9) -> ShapeModel:
        """The model of a set of faces: the fewest modes that explain more than ``variance`` of its variance.

        Args:
            points: ``[N, 2n]``, of the training faces (augmented ones included, if the teacher sees those).
            variance: above 0; 1 keeps all modes and makes `project` the identity. Between 0.9 and 0.97 in the authors'
                own runs.

        Raises:
            DataError: if these are not at least 2 different faces of an even number of finite coordinates.
            ValueError: for a share outside of 0 to 1.
        """
        if not 0 < variance <= 1:
            raise ValueError(f"expected variance as a share above 0 and at most 1 (0.9 for 90 %) but found {variance}")
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] == 0 or points.shape[1] % 2:
            raise DataError(f"expected points of faces of shape (N, 2n) but found {points.shape}")
        if len(points) < 2:
            raise DataError(f"expected at least 2 faces to find their variance but found {len(points)}")
        _check_finite(points)

        mean = points.mean(axis=0)
        _, lengths, rows = np.linalg.svd(points - mean, full_matrices=False)
        eigenvalues = lengths**2 / (len(points) - 1)
        # What is left by rounding is no mode.
        rounding = max(points.shape) * np.finfo(np.float64).eps * max(lengths[0], np.abs(points).max())
        rank = int((lengths > rounding).sum())
        if rank == 0:
            raise DataError(f"expected faces that differ but found {len(points)} alike")
        total = eigenvalues.sum()
        count = rank
        if variance < 1:
            explained = np.cumsum(eigenvalues) / total
            count = min(int(np.searchsorted(explained, variance, side="right")) + 1, rank)
        modes = rows[:count].T
        largest = np.abs(modes).argmax(axis=0)
        signs = np.sign(modes[largest, np.arange(count)])
        return cls(mean, modes * signs, eigenvalues[:count], float(total), float(variance))

    @property
    def num_points(self) -> int:
        """Number n of points."""
        return len(self.mean) // 2

    @property
    def explained(self) -> np.ndarray:
        """Share of the variance along each mode, ``[k]``."""
        return self.eigenvalues / self.total_variance

    def project(self, points: Points, clip: float | None = 3.0) -> Points:
        r"""Soft landmarks: the nearest shape that the modes can make, with none of them far from the mean.

        .. math::
            \bar F + V b, \qquad b_i = \mathrm{clip}\big((V^\top (F - \bar F))_i,\ \pm c \sqrt{\lambda_i}\big)

        Args:
            points: F, array or tensor ``[..., 2n]``; computed in float64.
            clip: c, how many standard deviations along a mode are allowed; None for any.

        Returns:
            As ``points``: the same kind, shape and floating dtype (integers become float64), and device.

        Raises:
            DataError: if there is another number of coordinates, or (not looked for on a GPU) NaN or infinity.
            ValueError: for a ``clip`` below 0.
        """
        if clip is not None and not clip >= 0:
            raise ValueError(f"expected clip to be at least 0 but found {clip}")
        if not isinstance(points, Tensor):
            points = np.asarray(points)
        if points.ndim == 0 or points.shape[-1] != len(self.mean):
            raise DataError(
                f"expected points of shape (..., {len(self.mean)}), as the shape model's {self.num_points} points, "
                f"but found {tuple(points.shape)}"
            )
        if isinstance(points, Tensor):
            if points.device.type == "cpu":
                _check_finite(points.detach().numpy())
            wanted = points.dtype if points.is_floating_point() else torch.float64
            return self._soft(points.double(), clip, lambda array: torch.from_numpy(array).to(points.device)).to(wanted)
        _check_finite(points)
        wanted = points.dtype if points.dtype.kind == "f" else np.float64
        return self._soft(points.astype(np.float64), clip, np.asarray).astype(wanted)

    def _soft(self, points: Points, clip: float | None, constant: Callable[[np.ndarray], Points]) -> Points:
        """`project` in float64; ``constant`` brings arrays of the model to the kind of ``points``."""
        if self.variance == 1:
            return points + 0  # a copy, as in all other cases
        mean, modes = constant(self.mean), constant(self.modes)
        coefficients = (points - mean) @ modes
        if clip is not None:
            limits = constant(clip * np.sqrt(self.eigenvalues))
            coefficients = coefficients.clip(-limits, limits)
        return mean + coefficients @ modes.T

    def shape(self, mode: int, sigmas: float) -> np.ndarray:
        """The mean face moved along one mode by so many standard deviations, float64 ``[n, 2]``."""
        moved = self.mean + sigmas * np.sqrt(self.eigenvalues[mode]) * self.modes[:, mode]
        return moved.reshape(-1, 2)

    def to_dict(self) -> dict[str, np.ndarray]:
        """All that the model is, as float64 arrays by the names of its attributes."""
        return {key: np.asarray(getattr(self, key), np.float64) for key in KEYS}

    @classmethod
    def from_dict(cls, arrays: Mapping[str, ArrayLike], source: str = "a dict") -> ShapeModel:
        """The model that `to_dict` gave.

        Args:
            arrays: by name; tensors will do.
            source: what to call it in messages.

        Raises:
            DataError: if an array is missing, or these are not those of a shape model.
        """
        missing = [key for key in KEYS if key not in arrays]
        if missing:
            raise DataError(
                f"expected a shape model with {', '.join(KEYS)} in {source} but found no {missing[0]}; it has "
                f"{', '.join(map(str, arrays)) or 'nothing'}"
            )
        try:
            found = {key: np.asarray(arrays[key], np.float64) for key in KEYS}
        except (TypeError, ValueError) as error:
            raise DataError(f"expected numbers as a shape model in {source} but found: {error}") from error
        wrong = _what_is_wrong(**found)
        if wrong:
            raise DataError(f"expected a shape model in {source} but found {wrong}")
        mean, modes, eigenvalues = found["mean"], found["modes"], found["eigenvalues"]
        return cls(mean, modes, eigenvalues, float(found["total_variance"]), float(found["variance"]))

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` file of `to_dict`, by the name that is given; it appears whole or not at all."""
        with atomic_write(path) as file:
            np.savez(file, **self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> ShapeModel:
        """The model of a file that `save` wrote. Nothing in the file is run.

        Raises:
            DataError: naming the file, if it is missing, cut, or holds something else.
        """
        path = Path(path)
        try:
            stored = np.load(path, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise DataError(f"expected a shape model (.npz) in {path} but found a single array {stored.shape}")
            with stored:
                arrays = dict(stored)
        except FileNotFoundError as error:
            raise DataError(f"expected a shape model at {path.absolute()} but found no file") from error
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"expected a shape model (.npz) in {path} but cannot read it: {error}") from error
        return cls.from_dict(arrays, str(path))


def _what_is_wrong(
    mean: np.ndarray, modes: np.ndarray, eigenvalues: np.ndarray, total_variance: np.ndarray, variance: np.ndarray
) -> str:
    """Why these arrays are no shape model; empty if they are one."""
    one_axis = mean.ndim == eigenvalues.ndim == 1 and len(mean) % 2 == 0 and len(eigenvalues) > 0
    if not one_axis or modes.shape != mean.shape + eigenvalues.shape or total_variance.ndim or variance.ndim:
        return f"mean {mean.shape}, modes {modes.shape}, eigenvalues {eigenvalues.shape}, not (2n,), (2n, k) and (k,)"
    if not all(np.isfinite(array).all() for array in (mean, modes, eigenvalues, total_variance, variance)):
        return "NaN or infinity in it"
    if not ((eigenvalues > 0).all() and total_variance > 0 and 0 < variance <= 1):
        return "variances that are not above 0"
    return "" if np.allclose(modes.T @ modes, np.eye(len(eigenvalues))) else "modes that are not orthonormal"


def _check_finite(points: np.ndarray) -> None:
    wrong = np.argwhere(~np.isfinite(points))
    if len(wrong):
        place = tuple(int(index) for index in wrong[0])
        raise DataError(
            f"expected finite coordinates but found {len(wrong)} of {points.size} that are not, the first "
            f"{points[place]} at {place}"
        )
