"""Faces cut from images by an affine map that is kept, so that errors are measured in the image.

Pixels: (0, 0) is the middle of the first pixel, so an image of width W spans -0.5 to W - 0.5. What networks give is
normalised: 0 is the middle of the crop, -0.5 and 0.5 are its edges.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor


def box_of(points: np.ndarray) -> np.ndarray:
    """The tight bounding box x0, y0, x1, y1 of points ``[n, 2]``, float64 ``[4]``."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float64)


def joint_box(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """The smallest box x0, y0, x1, y1 around two, float64 ``[4]``."""
    corners = np.stack([np.asarray(first, np.float64), np.asarray(second, np.float64)]).reshape(4, 2)
    return box_of(corners)


def square_crop(
    box: ArrayLike,
    size: int,
    margin: float = 0.25,
    rotation: float = 0.0,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    flip: bool = False,
) -> np.ndarray:
    """The affine map from image pixels to the pixels of a square crop around a box.

    The crop's middle is the box's; its side is the box's longer side, and ``margin`` of it on each side.

    Args:
        box: x0, y0, x1, y1 in pixels.
        size: side S of the crop in its own pixels.
        margin: share of the longer side that is added on each side.
        rotation: by which the face is turned in the crop, clockwise on the screen, in degrees.
        scale: above 1 the face is larger in the crop.
        shift: by which the face is moved in the crop, right and down, as a share of the crop.
        flip: mirror left and right, after everything else.

    Returns:
        float64 ``[2, 3]``.
    """
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    side = max(x1 - x0, y1 - y0, 1.0) * (1 + 2 * margin)
    angle, zoom = np.deg2rad(rotation), scale * size / side
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    target = (size - 1) / 2 + size * np.asarray(shift, np.float64)
    matrix = np.column_stack([turn, target - turn @ middle])
    if flip:
        matrix[0] *= -1
        matrix[0, 2] += size - 1
    return matrix


def stretched_crop(box: ArrayLike, size: int, pixels: float = 10.0, **view: Any) -> np.ndarray:
    """The map of the authors' own crops [0]: the box and some pixels around it, stretched to a square.

    Args:
        box: x0, y0, x1, y1 in pixels.
        size: side of the crop.
        pixels: added on each side; 10 for 300W, 3 for WFLW.
        view: ``rotation``, ``scale``, ``shift`` and ``flip`` as of `square_crop`, of what is stretched already.

    Returns:
        float64 ``[2, 3]``.

    [0] aliprf/FLD-DD, the data preparation of KD-Loss.
    """
    x0, y0, x1, y1 = np.asarray(box, np.float64) + np.array([-pixels, -pixels, pixels, pixels])
    zoom = size / max(x1 - x0, 1.0), size / max(y1 - y0, 1.0)
    middle = (size - 1) / 2
    stretched = np.array(
        [[zoom[0], 0.0, middle - zoom[0] * (x0 + x1) / 2], [0.0, zoom[1], middle - zoom[1] * (y0 + y1) / 2]]
    )
    whole = (-0.5, -0.5, size - 0.5, size - 0.5)
    return compose(square_crop(whole, size, 0.0, **view), stretched) if view else stretched


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The crop ``[S, S, C]`` of an image ``[H, W, C]``; black outside of it. Shrinking averages over what is lost."""
    zoom = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if zoom < 0.5:
        # Bilinear reading skips pixels below half size: shrink by a whole number first, by means over areas, and no
        # more of a large image than the crop shows.
        factor = int(1 / zoom)
        image, matrix = _shown(image, matrix, size, factor)
        height, width = (max(side // factor, 1) for side in image.shape[:2])
        steps = np.array([image.shape[1] / width, image.shape[0] / height])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        matrix = compose(matrix, np.column_stack([np.diag(steps), steps / 2 - 0.5]))
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)


def _shown(image: np.ndarray, matrix: np.ndarray, size: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of an image that is in the crop, in whole steps where the image has them, and its map to the crop."""
    # Two pixels of the crop around it, of which the shrunk image's edge pixels may be mixed.
    corners = np.array([[-3, -3], [size + 2, -3], [-3, size + 2], [size + 2, size + 2]], np.float64)
    seen, last = apply(invert(matrix), corners), np.array(image.shape[1::-1]) - 1
    x0, y0 = np.clip(seen.min(axis=0), 0, last).astype(int) // step * step
    x1, y1 = np.clip(seen.max(axis=0), 0, last).astype(int) // step * step + step
    return image[y0:y1, x0:x1], compose(matrix, np.array([[1.0, 0.0, x0], [0.0, 1.0, y0]]))


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine map ``[2, 3]`` that applies ``first``, then ``second``."""
    turn = second[:, :2] @ first[:, :2]
    return np.column_stack([turn, second[:, :2] @ first[:, 2] + second[:, 2]])


def invert(matrix: np.ndarray) -> np.ndarray:
    """The inverse of affine maps ``[..., 2, 3]``."""
    turn = np.linalg.inv(matrix[..., :2])
    return np.concatenate([turn, -turn @ matrix[..., 2:]], axis=-1)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Affine maps ``[..., 2, 3]`` of points ``[..., n, 2]``, float64."""
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def normalised(pixels: np.ndarray, size: int) -> np.ndarray:
    """Crop pixels as shares of the crop from its middle, -0.5 to 0.5."""
    return (pixels + 0.5) / size - 0.5


def in_pixels(shares: np.ndarray | Tensor, size: int) -> np.ndarray | Tensor:
    """The inverse of `normalised`, of arrays or tensors."""
    return (shares + 0.5) * size - 0.5
