"""Pictures of predicted landmarks: on faces, on the mean face, and by region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.colors import Normalize, TwoSlopeNorm

from common.atomic import atomic_write
from common.landmark_files.scheme import LandmarkScheme
from common.report import LINE_COLOURS, plt
from tasks.landmarks.crop import apply

PANEL = 300  # side of a face in a picture, in pixels
# Okabe and Ito, Color Universal Design, 2008: green and red that differ for everybody.
LABELLED, PREDICTED, ERROR = (0, 200, 140), (230, 70, 0), (255, 255, 255)
_SHIFT = 4  # OpenCV draws at 1/16 of a pixel
_FINER = 2  # drawn larger and reduced: OpenCV's small discs are squares
_NAMED = 3  # points of each mean face that get their number
_ACROSS = 3  # mean faces side by side


def face_picture(
    crop: np.ndarray,
    to_crop: np.ndarray,
    labelled: np.ndarray | None,
    predicted: np.ndarray | None = None,
    lines: Sequence[Sequence[int]] = (),
    side: int = PANEL,
) -> np.ndarray:
    """A face with its labelled points in green, the predicted ones in red, and a white line between the two.

    Args:
        crop: RGB ``[S, S, 3]``, uint8.
        to_crop: the map ``[2, 3]`` from the image's pixels to the crop's.
        labelled: ``[n, 2]``, pixels of the image; None leaves them out.
        predicted: same; None leaves them out.
        lines: chains of points to connect.
        side: of the picture, in pixels.

    Returns:
        RGB ``[side, side, 3]``, uint8.
    """
    large = _FINER * side
    zoom = large / crop.shape[0]
    picture = cv2.resize(crop, (large, large), interpolation=cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA)

    def places(points: np.ndarray) -> np.ndarray:
        pixels = (apply(to_crop, np.asarray(points, np.float64)) + 0.5) * zoom - 0.5
        # What lies far outside would overflow OpenCV's numbers; it is not seen anyway.
        return np.rint(np.clip(pixels, -large, 2 * large) * 2**_SHIFT).astype(np.int32)

    sets = [
        (places(points), colour)
        for points, colour in ((labelled, LABELLED), (predicted, PREDICTED))
        if points is not None
    ]
    for points, colour in sets:
        for line in lines:
            cv2.polylines(picture, [points[list(line)]], False, colour, 3, cv2.LINE_AA, _SHIFT)
    if len(sets) == 2:
        for start, end in zip(sets[0][0].tolist(), sets[1][0].tolist(), strict=True):
            cv2.line(picture, start, end, ERROR, 2, cv2.LINE_AA, _SHIFT)
    for points, colour in sets:
        for point in points.tolist():
            cv2.circle(picture, point, round(5.5 * 2**_SHIFT), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


def mean_face(points: np.ndarray) -> np.ndarray:
    """The mean shape of faces that are moved, turned and scaled onto each other (Procrustes).

    Args:
        points: ``[N, n, 2]``.

    Returns:
        float64 ``[n, 2]`` around 0, of length 1.
    """
    shapes = points[..., 0] + 1j * points[..., 1]
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    shapes = shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    mean = shapes.mean(axis=0)
    for _ in range(5):
        # Of complex numbers the best turn and scale onto the mean is one factor, the projection on it.
        mean = (shapes * (shapes.conj() @ mean)[:, None]).mean(axis=0)
        mean /= np.linalg.norm(mean)
    return np.stack([mean.real, mean.imag], axis=1)


def point_maps(
    shape: np.ndarray,
    values: Mapping[str, np.ndarray],
    scheme: LandmarkScheme,
    label: str,
    path: str | Path,
    diverging: bool = False,
) -> None:
    """Write a PNG with a mean face for each network, whose points are coloured by a number, all on one scale.

    The points with the largest numbers have their index beside them.

    Args:
        shape: the mean face ``[n, 2]``, y downwards.
        values: title -> a number for each point, ``[n]``.
        scheme: whose lines are drawn.
        label: of the colours.
        path: where the PNG is written.
        diverging: 0 is the middle of the colours: purple above it, orange below.
    """
    across = min(len(values), _ACROSS)
    down = math.ceil(len(values) / across)
    extent = np.ptp(shape, axis=0)
    height = 3.9 * extent[1] / extent[0] + 0.5
    figure, grid = plt.subplots(
        down, across, figsize=(3.9 * across + 1.0, height * down), layout="constrained", squeeze=False
    )
    everything = np.concatenate(list(values.values()))
    reach = max(float(np.abs(everything).max()), 1e-9)
    norm = TwoSlopeNorm(0, -reach, reach) if diverging else Normalize(everything.min(), everything.max())
    colours = "PuOr" if diverging else "viridis_r"
    for axes, (title, each) in zip(grid.flat, values.items(), strict=False):
        for line in scheme.lines:
            axes.plot(*shape[list(line)].T, color="#b5b5b5", linewidth=1, zorder=1)
        dots = axes.scatter(
            *shape.T, c=each, cmap=colours, norm=norm, s=62, edgecolors="#444444", linewidths=0.5, zorder=2
        )
        for point in np.argsort(-np.abs(each), kind="stable")[:_NAMED]:
            axes.annotate(str(point), shape[point], (5, 4), textcoords="offset points", fontsize=8, color="#333333")
        axes.set_title(title, fontsize=12, loc="left")
    for axes in grid.flat:
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.axis("off")
    figure.colorbar(dots, ax=grid, shrink=0.8, aspect=30).set_label(label, fontsize=10)
    _save(figure, path)


def region_bars(regions: Mapping[str, Mapping[str, Sequence[float]]], ylabel: str, path: str | Path) -> None:
    """Write a PNG with a group of bars for each region, one bar a network, with the spread of its seeds.

    Args:
        regions: network -> region -> values of its seeds.
        ylabel: what is measured.
        path: where the PNG is written.
    """
    names = list(next(iter(regions.values())))
    width = 0.8 / len(regions)
    figure, axes = plt.subplots(figsize=(max(7.0, 0.45 * len(names) * len(regions) + 2), 3.8), layout="constrained")
    for place, (network, values) in enumerate(regions.items()):
        xs = np.arange(len(names)) + (place - (len(regions) - 1) / 2) * width
        means = [float(np.mean(values[name])) for name in names]
        spreads = [float(np.std(values[name], ddof=1)) if len(values[name]) > 1 else 0.0 for name in names]
        axes.bar(
            xs,
            means,
            0.92 * width,
            yerr=spreads if any(spreads) else None,
            color=LINE_COLOURS[place % len(LINE_COLOURS)],
            hatch="//" if place >= len(LINE_COLOURS) else None,
            error_kw={"ecolor": "#333333", "capsize": 2.5, "elinewidth": 1},
            label=network,
        )
    axes.set_xticks(range(len(names)), names, fontsize=11)
    axes.set_ylabel(ylabel, fontsize=11)
    axes.grid(axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=10, frameon=False, ncols=min(4, len(regions)), loc="lower left", bbox_to_anchor=(0, 1))
    _save(figure, path)


def _save(figure, path: str | Path) -> None:
    try:
        with atomic_write(path) as file:
            figure.savefig(file, dpi=130, format="png")
    finally:
        plt.close(figure)
