"""Pictures of matrices of percentages: who is taken for whom, which class is told at which SNR."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.atomic import atomic_write
from common.report import plt

UNMEASURED = "#d9d9d9"


def heatmaps(
    matrices: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    path: str | Path,
    ylabel: str = "",
    xlabel: str = "",
) -> None:
    """Write a PNG with matrices of percentages under their titles, two side by side where they are narrow.

    Args:
        matrices: title -> percentages ``[len(rows), len(columns)]``, 0 to 100; NaN is shown as grey.
        rows: names of the rows, from the top.
        columns: names of the columns.
        path: where the PNG is written.
    """
    across = 2 if len(matrices) > 1 and len(columns) <= 14 else 1
    down = math.ceil(len(matrices) / across)
    size = (0.36 * len(columns) + 1.6, 0.36 * len(rows) + 1.3)  # inches: a cell holds "100"
    figure = plt.figure(figsize=(across * size[0], down * size[1]), layout="constrained")
    colours = plt.get_cmap("Blues").with_extremes(bad=UNMEASURED)
    for place, (title, matrix) in enumerate(matrices.items(), start=1):
        axes = figure.add_subplot(down, across, place)
        axes.imshow(np.ma.masked_invalid(matrix), cmap=colours, vmin=0, vmax=100)
        axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=9)
        axes.set_yticks(range(len(rows)), rows, fontsize=9)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.set_title(title, fontsize=11, loc="left")
        for (row, column), value in np.ndenumerate(matrix):
            if value >= 0.5:  # what rounds to 0 is left blank, so that the errors stand out
                ink = "white" if value > 60 else "black"
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8, color=ink)
    try:
        with atomic_write(path) as file:
            figure.savefig(file, dpi=110, format="png")
    finally:
        plt.close(figure)
