"""Pictures of what a shape model holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common.errors import ConfigError
from common.landmark_files.scheme import LandmarkScheme
from common.report import LINE_COLOURS
from tasks.landmarks.shape_model import ShapeModel

SIGMAS = (-3.0, -1.5, 0.0, 1.5, 3.0)


def draw_modes(
    model: ShapeModel, scheme: LandmarkScheme, modes: int = 4, sigmas: Sequence[float] = SIGMAS
) -> np.ndarray:
    """The mean face moved along each of the first modes, one row a mode; the mean in grey behind.

    Args:
        model: of coordinates whose y axis points down, as in a crop.
        scheme: says which points are joined by lines.
        modes: how many, at most; a model may have fewer.
        sigmas: how far to go along a mode, in its standard deviations; one column each.

    Returns:
        RGB ``[H, W, 3]``, uint8.

    Raises:
        ConfigError: if the scheme has another number of points than the model.
    """
    if scheme.num_points != model.num_points:
        raise ConfigError(
            f"expected a scheme of the shape model's {model.num_points} points but found {scheme.num_points} points "
            f"in scheme {scheme.name!r}"
        )
    rows = min(modes, len(model.eigenvalues))
    shapes = [[model.shape(mode, sigma) for sigma in sigmas] for mode in range(rows)]
    everything = np.concatenate([shape for row in shapes for shape in row])
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.05 * (high - low).max()
    side = 2.0  # inches of a column
    height = side * (high[1] - low[1] + 2 * margin) / (high[0] - low[0] + 2 * margin)

    figure = Figure(figsize=(side * len(sigmas) + 0.6, (height + 0.35) * rows), layout="constrained", dpi=100)
    grid = figure.subplots(rows, len(sigmas), squeeze=False)
    for mode, row in enumerate(grid):
        for axes, sigma, shape in zip(row, sigmas, shapes[mode], strict=True):
            _draw(axes, model.mean.reshape(-1, 2), scheme, "#bbbbbb", 0.8)
            _draw(axes, shape, scheme, LINE_COLOURS[0], 1.4)
            axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(high[1] + margin, low[1] - margin), aspect="equal")
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
            axes.set_title(f"{sigma:+g} σ" if sigma else "mean", fontsize=9)  # noqa: RUF001
        row[0].set_ylabel(f"mode {mode + 1}: {100 * model.explained[mode]:.1f} %", fontsize=10)
    return _pixels(figure)


def _draw(axes: Axes, shape: np.ndarray, scheme: LandmarkScheme, colour: str, width: float) -> None:
    for line in scheme.lines:
        axes.plot(*shape[list(line)].T, color=colour, linewidth=width)
    axes.plot(*shape.T, linestyle="none", marker="o", markersize=1.5 if scheme.lines else 3, color=colour)


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
