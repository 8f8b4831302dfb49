"""Tables, plots, and one-file HTML pages with pictures that every task's reports are made of."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import matplotlib
import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable

matplotlib.use("Agg")  # before pyplot is imported: there may be no screen
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from common.atomic import atomic_write

Cell = str | int | float | None
Item = TypeVar("Item")

UNKNOWN = "-"
_ANY_WIDTH = 10_000

# Okabe and Ito, Color Universal Design, 2008, without its yellow, which is too pale for a line on white.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
LINE_MARKERS = "osD^vPX"

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
       max-width: 1240px; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.5rem; }
p { max-width: 75ch; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #d8d8d8; text-align: right; white-space: nowrap; }
th { border-bottom: 2px solid #555; } th:first-child, td:first-child { text-align: left; }
td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; }
tbody tr:hover { background: #f2f6fa; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #444; max-width: 90ch; margin-top: .4rem; }
"""


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text; an interrupted write leaves the old file as it was."""
    with atomic_write(path) as file:
        file.write(text.encode("utf-8"))


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as indented JSON; numpy and torch scalars become numbers, NaN becomes null."""
    write_text(path, json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_png(path: str | Path, picture: np.ndarray) -> None:
    """Write an RGB ``[H, W, 3]`` or a one-channel ``[H, W]`` picture (uint8 or uint16) as PNG."""
    with atomic_write(path) as file:
        Image.fromarray(np.ascontiguousarray(picture)).save(file, format="PNG")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


@dataclass
class Table:
    """A table that is shown in a terminal, in Markdown, in CSV and in a page.

    Attributes:
        title: one line above the table.
        columns: names of the columns; the first holds the names of the rows.
        rows: one cell per column; None and NaN are shown as a dash.
        digits: decimals of the numbers as shown; the CSV keeps all of them.

    Raises:
        ValueError: if a row has not one cell per column.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    digits: int = 2

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"expected {len(self.columns)} cells but found {len(row)} in row {list(row)}")

    def text(self, cell: Cell) -> str:
        """A cell as it is shown."""
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return UNKNOWN
        return f"{cell:.{self.digits}f}" if isinstance(cell, float) else str(cell)

    def print(self, console: Console | None = None) -> None:
        """Show the table in the terminal; into a file or a pipe it goes as wide as it is."""
        console = console or Console()
        table = RichTable(title=escape(self.title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
        cells = [[self.text(cell) for cell in row] for row in self.rows]
        for index, column in enumerate(self.columns):
            width = max((cell_len(row[index]) for row in cells), default=1)
            table.add_column(escape(column), justify="right" if index else "left", min_width=width, overflow="fold")
        for row in cells:
            table.add_row(*map(escape, row))
        if not console.is_terminal:  # a file or a pipe has no edge to wrap at
            Console(file=console.file, width=_ANY_WIDTH).print(table, crop=False)
            return
        # Numbers are never broken: a table wider than the terminal runs over its edge instead.
        needed = console.measure(table).minimum
        console.print(table, width=max(needed, console.width), crop=False, no_wrap=needed > console.width)

    def markdown(self) -> str:
        """The table in Markdown, its title in bold above it."""

        def line(cells: Iterable[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

        rule = "|" + "|".join(["---", *["---:"] * (len(self.columns) - 1)]) + "|"
        body = [line(self.text(cell) for cell in row) for row in self.rows]
        return "\n".join([f"**{self.title}**", "", line(self.columns), rule, *body]) + "\n"

    def csv(self) -> str:
        """The table as comma-separated values with all decimals; an unknown number is an empty cell."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            writer.writerow("" if self.text(cell) == UNKNOWN else cell for cell in row)
        return stream.getvalue()

    def html(self) -> str:
        """The table as an HTML element."""
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        body = "".join(f"<tr>{''.join(self._html_cell(cell) for cell in row)}</tr>" for row in self.rows)
        caption = f"<caption>{html.escape(self.title)}</caption>"
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div class="wide">{table}</div>'

    def _html_cell(self, cell: Cell) -> str:
        text = self.text(cell)
        # Sentences stand on the left and wrap; numbers and words such as "71.2 ± 0.4" line up on the right.
        return f"<td{' class=text' if len(text) > 30 else ''}>{html.escape(text)}</td>"


def verdict(gain: float, spreads: Sequence[float]) -> str:
    """What may be said of ``gain``, given the standard deviation over seeds of each side of the comparison.

    Returns:
        ``"gain"`` or ``"loss"`` where its size exceeds the largest spread, else ``"no gain"``;
        ``"spread unknown"`` where a side has one seed only (its spread is NaN) or no spread is given.
    """
    if not len(spreads) or any(math.isnan(spread) for spread in spreads):
        return "spread unknown"
    if abs(gain) <= max(spreads):
        return "no gain"
    return "gain" if gain > 0 else "loss"


def gain_cell(
    values: Sequence[float], reference: Sequence[float], less_is_better: bool = False, share: bool = False
) -> str | None:
    """A difference of means over seeds and `verdict` on it, ``"+1.20 (gain)"``; None where a side has no values.

    Args:
        values: of the seeds of one network.
        reference: of those of the network that it is compared with.
        less_is_better: whether a smaller mean is the gain.
        share: also tell the difference as a share of the reference's mean: ``"-0.50, -10.0 % (gain)"``.
    """
    if not len(values) or not len(reference):
        return None
    change, before = float(np.mean(values) - np.mean(reference)), float(np.mean(reference))
    spreads = [float(np.std(each, ddof=1)) if len(each) > 1 else math.nan for each in (values, reference)]
    part = f", {100 * change / before:+.1f} %" if share and before else ""
    return f"{change:+.2f}{part} ({verdict(-change if less_is_better else change, spreads)})"


def mean_and_spread(values: Sequence[float]) -> str:
    """``"71.20 ± 0.40"``: mean and standard deviation over seeds, of one seed its value alone, of none a dash."""
    if not len(values):
        return UNKNOWN
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def difference_table(title: str, first: str, names: Sequence[str], rows: Mapping[str, Sequence[float]]) -> Table:
    """A value of each network in a row, and behind them the differences of all others to the first.

    Args:
        title: of the table.
        first: name of the column that holds the names of the rows.
        names: of the networks.
        rows: name of the row -> one value for each network.
    """
    columns = [first, *names, *(f"{name} - {names[0]}" for name in names[1:])]
    cells = [[label, *values, *(value - values[0] for value in values[1:])] for label, values in rows.items()]
    return Table(title, columns, cells)


def line_plot(
    curves: Mapping[str, Mapping[float, float]],
    xlabel: str,
    ylabel: str,
    path: str | Path,
    title: str = "",
    spreads: Mapping[str, Mapping[float, float]] | None = None,
    reference: tuple[str, Mapping[float, float]] | None = None,
) -> None:
    """Write a PNG with one line per curve; colour and marker both tell the curves apart.

    Args:
        curves: name of the curve -> {x: y}.
        spreads: name of the curve -> {x: half height of a band around it}.
        reference: name and {x: y} of a thin grey line to hold the curves against, such as chance.
        path: where the PNG is written.
    """
    figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    for index, (name, curve) in enumerate(curves.items()):
        colour = LINE_COLOURS[index % len(LINE_COLOURS)]
        xs = sorted(curve)
        ys = np.array([curve[x] for x in xs], dtype=float)
        # A marker on each of hundreds of points would hide the line.
        marker = LINE_MARKERS[index % len(LINE_MARKERS)] if len(xs) <= 30 else None
        style = "-" if index < len(LINE_COLOURS) else "--"
        axes.plot(xs, ys, style, color=colour, marker=marker, markersize=6, linewidth=2, label=name)
        if spreads and name in spreads:
            band = np.array([spreads[name][x] for x in xs], dtype=float)
            axes.fill_between(xs, ys - band, ys + band, color=colour, alpha=0.18, linewidth=0)
    if reference:
        name, line = reference
        axes.plot(list(line), list(line.values()), ":", color="#555555", linewidth=1.5, label=name)
    measured = sorted({x for curve in curves.values() for x in curve})
    if len(measured) <= 8:
        axes.set_xticks(measured, [f"{x:g}" for x in measured])
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel(ylabel, fontsize=12)
    axes.set_title(title, fontsize=13, loc="left")
    axes.tick_params(labelsize=11)
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if curves:
        axes.legend(fontsize=11, frameon=False)
    _save(figure, path)


def scatter_plot(
    points: Mapping[str, tuple[float, Sequence[float]]], xlabel: str, ylabel: str, path: str | Path
) -> None:
    """Write a PNG with a named point for each entry: its x, and the mean of its ys with a whisker of their spread.

    Args:
        points: name -> (x, ys).
        xlabel: of the horizontal axis, which is logarithmic.
        ylabel: of the other.
        path: where the PNG is written.
    """
    figure, axes = plt.subplots(figsize=(7.0, 4.2), layout="constrained")
    for index, (name, (x, ys)) in enumerate(points.items()):
        spread = np.std(ys, ddof=1) if len(ys) > 1 else None
        look = {"color": LINE_COLOURS[index % len(LINE_COLOURS)], "marker": LINE_MARKERS[index % len(LINE_MARKERS)]}
        axes.errorbar(x, np.mean(ys), yerr=spread, linestyle="", markersize=8, capsize=4, label=name, **look)
    axes.set_xscale("log")
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel(ylabel, fontsize=12)
    axes.tick_params(labelsize=11)
    axes.margins(0.12)
    ticks = ScalarFormatter()
    for axis_ticks in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis_ticks(ticks)
    axes.grid(color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=11, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(figure, path)


def _save(figure: Figure, path: str | Path) -> None:
    try:
        with atomic_write(path) as file:
            figure.savefig(file, dpi=150, format="png")
    finally:
        plt.close(figure)


@dataclass
class Picture:
    """A PNG file for a page, and the words under it."""

    path: str | Path
    caption: str


@dataclass
class Section:
    """One section of a page: a heading and, in order, paragraphs (str), tables and pictures."""

    heading: str
    parts: Sequence[str | Table | Picture] = field(default_factory=tuple)


def write_html(path: str | Path, title: str, sections: Sequence[Section]) -> None:
    """Write one HTML page that needs nothing beside it: pictures are embedded, nothing is fetched."""
    body = [f"<h1>{html.escape(title)}</h1>"]
    for section in sections:
        body.append(f"<section><h2>{html.escape(section.heading)}</h2>")
        body += [_html_part(part) for part in section.parts]
        body.append("</section>")
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
    )
    write_text(path, page + "\n".join(body) + "\n</body></html>\n")


def origin_section(origin: Mapping[str, object]) -> Section:
    """The foot of a page: where its numbers come from; see `common.provenance.provenance`."""
    return Section("Origin", [Table("Where these numbers come from", ["", "value"], _flat(origin))])


def _flat(record: Mapping[str, object], prefix: str = "") -> list[list[str]]:
    rows = []
    for key, value in record.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key} ")
        else:
            rows.append([f"{prefix}{key}", "unknown" if value is None else str(value)])
    return rows


def _html_part(part: str | Table | Picture) -> str:
    if isinstance(part, Table):
        return part.html()
    if isinstance(part, Picture):
        data = base64.b64encode(Path(part.path).read_bytes()).decode("ascii")
        caption = html.escape(part.caption)
        image = f'<img src="data:image/png;base64,{data}" alt="{caption}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
    return f"<p>{html.escape(part)}</p>"


def track(items: Sequence[Item], label: str, unit: str = "images") -> Iterator[Item]:
    """Go through ``items`` under a progress bar with throughput and time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{{task.fields[rate]}} {unit}/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(escape(label), total=len(items), rate=UNKNOWN)
        for item in items:
            yield item
            progress.advance(task)
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, rate=f"{speed:.1f}" if speed else UNKNOWN)
