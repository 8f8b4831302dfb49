"""Pictures of what segmentation networks get right and wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from common.panels import Panel, legend, panel_grid
from tasks.seg.inference import PANEL_WIDTH, enlarge, overlay
from tasks.seg.label_scores import class_change_distance

BAND_WIDTH = 5  # pixels on either side of a boundary that count as "near" it when frames are chosen
MAX_PANEL_WIDTH = 960

# Okabe and Ito, Color Universal Design, 2008.
WRONG, MENDED, NEWLY_WRONG, IGNORED = (213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 0, 0)


def boundary_band(target: np.ndarray, width: int = BAND_WIDTH, ignore_index: int = 255) -> np.ndarray:
    """Labelled pixels ``[H, W]`` (bool) at most ``width`` pixels from a change of class."""
    return (class_change_distance(target, ignore_index) <= width) & (target != ignore_index)


def error_map(
    image: np.ndarray,
    prediction: np.ndarray,
    target: np.ndarray,
    reference: np.ndarray | None = None,
    ignore_index: int = 255,
) -> np.ndarray:
    """The image in pale grey with wrong pixels in colour.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        prediction: labels ``[H, W]``.
        target: true labels ``[H, W]``.
        reference: labels of another network: what it has wrong and ``prediction`` right becomes blue, the
            reverse yellow, and what both have wrong stays orange.
        ignore_index: the label of pixels that do not count; they become black.

    Returns:
        RGB ``[H, W, 3]``, uint8.
    """
    grey = 150 + cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) * (105 / 255)
    picture = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
    wrong = prediction != target
    picture[wrong] = WRONG
    if reference is not None:
        reference_wrong = reference != target
        picture[wrong & ~reference_wrong] = NEWLY_WRONG
        picture[~wrong & reference_wrong] = MENDED
    picture[target == ignore_index] = IGNORED
    return picture


def densest_window(weight: np.ndarray, fraction: float = 0.25) -> tuple[slice, slice]:
    """Rows and columns of the window, ``fraction`` of each side long, with the largest sum of ``weight``.

    Args:
        weight: ``[H, W]``, any numbers; of equal windows the most central one is taken.
        fraction: of height and width, at least 24 pixels where the picture has them.
    """
    height, width = weight.shape
    rows, columns = (min(size, max(24, round(size * fraction))) for size in (height, width))
    total = cv2.integral(weight.astype(np.float64))
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    ys, xs = np.nonzero(sums >= sums.max() - 1e-9)
    centre = np.argmin((ys - (height - rows) / 2) ** 2 + (xs - (width - columns) / 2) ** 2)
    top, left = int(ys[centre]), int(xs[centre])
    return slice(top, top + rows), slice(left, left + columns)


def comparison_pictures(
    image: np.ndarray,
    target: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> tuple[np.ndarray, np.ndarray]:
    """Image, ground truth and each network's labels with their errors: the whole frame, and a crop of it.

    The crop lies where, near boundaries, the first and the last network differ most; with one network where
    it errs most.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        target: true labels ``[H, W]``.
        predictions: name of the network -> labels ``[H, W]``; the first is the reference of the others' errors.
        classes: their names, for the legend.
        palette: their colours.

    Returns:
        Two RGB pictures ``[h, w, 3]``, uint8.
    """
    wrong = [found != target for found in predictions.values()]
    interest = wrong[0] != wrong[-1] if len(wrong) > 1 else wrong[0]
    window = densest_window((interest & boundary_band(target)).astype(np.float64))
    reference = next(iter(predictions.values()))
    labels = {"ground truth": target, **predictions}
    errors = {
        f"{name}: errors": error_map(image, found, target, None if found is reference else reference)
        for name, found in predictions.items()
    }
    colours = {"errors": (WRONG, "wrong"), "ignored": (IGNORED, "not labelled")}
    if len(predictions) > 1:
        first = next(iter(predictions))
        colours["mended"] = (MENDED, f"right, {first} wrong")
        colours["new"] = (NEWLY_WRONG, f"wrong, {first} right")
    error_legend = {text: colour for colour, text in colours.values()}

    def grid(rows: slice, columns: slice, box: bool) -> np.ndarray:
        part = image[rows, columns]
        shown = {"image": part}
        shown |= {name: overlay(part, found[rows, columns], palette, opacity=0.7) for name, found in labels.items()}
        shown |= {name: picture[rows, columns] for name, picture in errors.items()}
        if box:
            shown = {name: _outline(picture, window) for name, picture in shown.items()}
        panels = [Panel(_display(picture), name) for name, picture in shown.items()]
        size = panels[0].picture.shape[:2]
        keys = [
            Panel(legend(classes, palette, size), "classes"),
            Panel(legend(list(error_legend), list(error_legend.values()), size), "errors"),
        ]
        count = len(predictions) + 2
        return panel_grid(_wrapped(panels[:count]) + _wrapped(keys + panels[count:]), _grid_columns(count))

    return grid(slice(None), slice(None), True), grid(*window, False)


def _grid_columns(count: int) -> int:
    """More than five panels in a row become two rows: a wider picture would be unreadable on a page."""
    return count if count <= 5 else math.ceil(count / 2)


def _wrapped(panels: list[Panel]) -> list[Panel | None]:
    columns = _grid_columns(len(panels))
    return [*panels, *[None] * (-len(panels) % columns)]


def _display(picture: np.ndarray) -> np.ndarray:
    """Small pictures enlarged by a whole factor (a pixel stays a square), very large ones reduced."""
    height, width = picture.shape[:2]
    if width > MAX_PANEL_WIDTH:
        size = (MAX_PANEL_WIDTH, round(height * MAX_PANEL_WIDTH / width))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return enlarge(picture, max(1, round(PANEL_WIDTH / width)))


def _outline(picture: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    rows, columns = window
    thickness = max(1, round(picture.shape[1] / 300))
    corners = ((columns.start, rows.start), (columns.stop - 1, rows.stop - 1))
    # White on black shows on any ground.
    framed = cv2.rectangle(picture.copy(), *corners, color=(0, 0, 0), thickness=3 * thickness)
    return cv2.rectangle(framed, *corners, color=(255, 255, 255), thickness=thickness)
