"""Points of faces drawn into images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from common.landmark_files.scheme import LandmarkScheme
from common.panels import Panel, panel_grid

# Okabe and Ito, Color Universal Design, 2008: sky blue and yellow, which differ for everybody, on most skins.
LINE, POINT, BOX = (86, 180, 233), (240, 228, 66), (255, 255, 255)
_SHIFT = 4  # OpenCV draws at 1/16 of a pixel
LEAST_WIDTH = 320  # of a picture, so that points can be told apart and a name fits above


def zoom_of(image: np.ndarray) -> int:
    """The whole factor by which an image ``[H, W, 3]`` is enlarged to be at least 320 pixels wide."""
    return max(1, -(-LEAST_WIDTH // image.shape[1]))


def draw_faces(
    image: np.ndarray,
    faces: Sequence[np.ndarray],
    scheme: LandmarkScheme,
    boxes: Sequence[np.ndarray] = (),
    zoom: int = 1,
) -> np.ndarray:
    """An image with the points of faces on it, and the lines of their scheme; sizes follow those of the faces.

    Args:
        image: RGB ``[H, W, 3]``, uint8; is left as it is.
        faces: points ``[n, 2]`` in pixels of the image.
        scheme: whose lines connect them.
        boxes: x0, y0, x1, y1 to frame.
        zoom: each pixel of the image becomes so many in both directions.

    Returns:
        RGB ``[H * zoom, W * zoom, 3]``, uint8.
    """
    picture = image.repeat(zoom, axis=0).repeat(zoom, axis=1) if zoom > 1 else image.copy()
    for box in boxes:
        first, last = _places(np.reshape(box, (2, 2)), image, zoom).tolist()
        cv2.rectangle(picture, first, last, BOX, 1, cv2.LINE_AA, _SHIFT)
    for points in faces:
        places = _places(points, image, zoom)
        side = zoom * float(np.ptp(points, axis=0).max())
        width = max(1, round(side / 200))
        for line in scheme.lines:
            cv2.polylines(picture, [places[list(line)]], False, LINE, width, cv2.LINE_AA, _SHIFT)
        radius = round(max(1.0, side / 120) * 2**_SHIFT)
        for place in places.tolist():
            cv2.circle(picture, place, radius, POINT, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return picture


def side_by_side(image: np.ndarray, pictures: Mapping[str, np.ndarray]) -> np.ndarray:
    """An image, enlarged to their size, and pictures of it, each under its name; one picture alone is left as it is.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        pictures: name -> RGB ``[H * zoom, W * zoom, 3]``, uint8.

    Returns:
        RGB picture, uint8.
    """
    first = next(iter(pictures.values()))
    if len(pictures) == 1:
        return first
    zoom = first.shape[0] // image.shape[0]
    shown = {"image": image.repeat(zoom, axis=0).repeat(zoom, axis=1), **pictures}
    return panel_grid([Panel(picture, name) for name, picture in shown.items()], columns=len(shown))


def _places(points: np.ndarray, image: np.ndarray, zoom: int) -> np.ndarray:
    """Points in OpenCV's fractions of a pixel; what lies far outside would overflow its numbers, and is not seen."""
    far = 2 * max(image.shape[:2])
    places = (np.clip(points, -far, 2 * far) + 0.5) * zoom - 0.5
    return np.rint(places * 2**_SHIFT).astype(np.int32)
