"""Images of labelled faces: their pixels, their sizes, and whether the points are in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from common.errors import DataError
from common.image_files import stored_size
from common.landmark_files.cofw import cofw_image_size, read_cofw_image
from common.landmark_files.face import Face
from common.landmark_files.scheme import LandmarkScheme


def read_face_image(face: Face) -> np.ndarray:
    """The image of a face, uint8 ``[H, W, 3]``, RGB.

    Pixels come as they are stored: an orientation told in EXIF is passed over, since points were labelled without it.

    Raises:
        DataError: if the image is missing, damaged or cut; names the file.
    """
    if face.index is not None:
        return read_cofw_image(face.image, face.index)
    try:
        data = np.fromfile(face.image, np.uint8)
    except OSError as error:
        raise DataError(f"expected an image at {face.image} but found: {error.strerror}") from error
    # OpenCV refuses to decode no bytes at all by an error of its own.
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    if image is None:
        raise DataError(f"expected an image but found {data.size} unreadable bytes in {face.image}; copy it again")
    return image


def image_size(face: Face) -> tuple[int, int]:
    """Width and height of a face's image in pixels, from the head of its file.

    Raises:
        DataError: if it is missing or no image; names the file.
    """
    if face.index is not None:
        return cofw_image_size(face.image, face.index)
    return stored_size(face.image)


def check_faces(faces: Iterable[Face], scheme: LandmarkScheme | None = None) -> None:
    """Look for slips in labels: points far outside of their image, or all in one place.

    Real sets have points outside of the image, where a face is cut by its edge. So a point may be outside by up to the
    width (x) or the height (y) of the image; further out it is taken for a slip. Only heads of files are read.

    Args:
        faces: to check.
        scheme: if given, the distances that errors are divided by must not be 0, and the number of points must be its.

    Raises:
        DataError: for the first face that has such a slip; names its file and point.
    """
    sizes: dict[tuple[Path, int | None], tuple[int, int]] = {}
    for face in faces:
        key = face.image, face.index
        if key not in sizes:
            sizes[key] = image_size(face)
        check_points(face, *sizes[key])
        if scheme is not None:
            _check_scheme(face, scheme)


def check_points(face: Face, width: int, height: int) -> None:
    """Refuse points that are further outside of an image than its width or height, or are all in one place.

    Raises:
        DataError: that names the image, the face and the point (numbered from 0).
    """
    size = np.array([width, height])
    # From edge to edge an image spans -0.5 to its size - 0.5.
    outside = (face.points < -0.5 - size) | (face.points > 2 * size - 0.5) | ~np.isfinite(face.points)
    if outside.any():
        point = int(outside.any(axis=1).argmax())
        x, y = face.points[point]
        raise DataError(
            f"expected points in or near the image of {width}x{height} but found point {point} at ({x:g}, {y:g}) of "
            f"{face.name} ({face.image}); mend its label"
        )
    if np.ptp(face.points, axis=0).max(initial=0) == 0:
        raise DataError(f"expected points of a face but found all in one place for {face.name} ({face.image})")


def _check_scheme(face: Face, scheme: LandmarkScheme) -> None:
    if len(face.points) != scheme.num_points:
        raise DataError(
            f"expected {scheme.num_points} points, as scheme {scheme.name!r} has, but found {len(face.points)} of "
            f"{face.name} ({face.image})"
        )
    for kind in scheme.distances:
        if not scheme.distance(face.points, kind) > 0:
            raise DataError(
                f"expected a distance {kind!r} above 0, by which errors are divided, but found 0 for {face.name} "
                f"({face.image}); mend its label"
            )
