"""Comparison tables: rows of configs over seeds, and what was measured beside what a paper says."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.config import read_config
from common.errors import ConfigError, did_you_mean
from common.provenance import PROJECT_ROOT
from common.report import Table, gain_cell, mean_and_spread

ROW_KEYS = ("name", "config", "seeds", "teachers", "paper", "note", "baseline", "start")
TABLE_KEYS = (
    "title",
    "protocol",
    "split",
    "metrics",
    "seeds",
    "baseline",
    "rows",
    "source",
    "data_root",
    "options",
    "lower_is_better",
)


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        name: of the network or method.
        config: training config; None for a line that only quotes the paper.
        seeds: seeds to run; an empty tuple quotes only.
        teachers: name of a teacher in the config -> name of the row that trains it (its first seed is used).
        paper: metric -> published figure.
        note: shown below the table.
        baseline: name of the row that its gains are measured against, where that is not the table's.
        start: name of the row whose checkpoint of the same seed its student starts with (``start`` of
            `common.distiller.Distiller`).
    """

    name: str
    config: str | None = None
    seeds: tuple[int, ...] = ()
    teachers: Mapping[str, str] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    baseline: str = ""
    start: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the rows whose checkpoints it is run with."""
        return (*self.teachers.values(), *((self.start,) if self.start else ()))


@dataclass(frozen=True)
class ComparisonTable:
    """A table as ``configs/tables`` describes it.

    Attributes:
        key: file name without its ending; names the folders of runs and results.
        title: heading.
        protocol: data, resolution, iterations and batch in a sentence.
        split: ``'val'`` or ``'test'``; the last checkpoint is evaluated on it.
        metrics: which scores to show, in percent.
        rows: the lines.
        baseline: name of the row that gains are measured against.
        source: where the paper's figures are from.
        data_root: replaces that of the configs.
        options: ``KEY=VALUE`` for every run of the table.
        lower_is_better: those of the metrics that are errors.
    """

    key: str
    title: str
    protocol: str
    split: str
    metrics: tuple[str, ...]
    rows: tuple[Row, ...]
    baseline: str
    source: str = ""
    data_root: str | None = None
    options: tuple[str, ...] = ()
    lower_is_better: tuple[str, ...] = ()

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            ConfigError: if there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        names = [row.name for row in self.rows]
        raise ConfigError(f"table {self.key}: no row {name!r}{did_you_mean(name, names)}")


def load_table(path: str | Path) -> ComparisonTable:
    """Read a table; a bare name means ``configs/tables/NAME.py``.

    Raises:
        ConfigError: if there is no such table, or it has unknown keys or rows.
    """
    path = Path(path)
    if path.suffix != ".py":
        path = PROJECT_ROOT / "configs" / "tables" / f"{path.name}.py"
    if not path.is_file():
        known = sorted(other.stem for other in (PROJECT_ROOT / "configs" / "tables").glob("*.py"))
        raise ConfigError(f"no table {path.stem!r}{did_you_mean(path.stem, known)}; there are {', '.join(known)}")
    described = read_config(path)
    _known_keys(described, TABLE_KEYS, path)
    for key in ("title", "protocol", "split", "metrics", "baseline", "rows"):
        if key not in described:
            raise ConfigError(f"expected {key} in {path.name} but found none")
    rows = []
    for row in described["rows"]:
        _known_keys(row, ROW_KEYS, path)
        seeds = tuple(row.get("seeds", described.get("seeds", ()))) if row.get("config") else ()
        rows.append(Row(**{**row, "seeds": seeds}))
    given = {key: described[key] for key in TABLE_KEYS if key in described and key not in ("rows", "seeds")}
    for key in ("metrics", "options", "lower_is_better"):
        given[key] = tuple(given.get(key, ()))
    table = ComparisonTable(key=path.stem, rows=tuple(rows), **given)
    table.row(table.baseline)
    for row in rows:
        table.row(row.baseline or table.baseline)
        for name in row.teachers.values():
            if not table.row(name).seeds:
                raise ConfigError(
                    f"table {table.key}: row {row.name!r} expects a teacher with a config and seeds but found {name!r}"
                )
        if row.start and (lacking := sorted(set(row.seeds) - set(table.row(row.start).seeds))):
            raise ConfigError(
                f"table {table.key}: row {row.name!r} expects to start with {row.start!r} of the same seeds but found "
                f"that row without seed {', '.join(map(str, lacking))}"
            )
        _check_order(table, row)
    return table


def _check_order(table: ComparisonTable, row: Row) -> None:
    """See that a row needs no row that needs it."""
    needed, left = set(), list(row.needs)
    while left:
        name = left.pop()
        if name == row.name:
            raise ConfigError(f"table {table.key}: expected rows in some order but found {name!r} to need itself")
        if name not in needed:
            needed.add(name)
            left += table.row(name).needs


def _known_keys(described: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    for key in described:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {path.name}{did_you_mean(key, known)}")


def comparison(
    table: ComparisonTable, measured: Mapping[str, Sequence[Mapping[str, Any]]], changed: Container[str] = ()
) -> list[Table]:
    """Tables of paper against measured, and of gains over the baseline row.

    Args:
        table: the description.
        measured: row name -> results with ``scores``.
        changed: names of rows to mark, since their results are of another config than today's.
    """

    def marked(name: str) -> str:
        return f"{name} (config changed since)" if name in changed else name

    for results in measured.values():
        for metric in table.metrics:
            if metric not in results[0]["scores"]:
                known = results[0]["scores"]
                raise ConfigError(f"table {table.key}: no score {metric!r}{did_you_mean(metric, known)}")
    papers = [metric for metric in table.metrics if any(metric in row.paper for row in table.rows)]
    rows = []
    for row in table.rows:
        values = {metric: [r["scores"][metric] for r in measured.get(row.name, ())] for metric in table.metrics}
        shown = [mean_and_spread(values[metric]) for metric in table.metrics]
        quoted = [f"{row.paper[m]:.2f}" if m in row.paper else "-" for m in papers]
        rows.append([marked(row.name), *quoted, *shown, str(len(values[table.metrics[0]]))])
    columns = ["", *(f"{metric} (paper)" for metric in papers), *table.metrics, "seeds"]
    tables = [Table(f"{table.title}: {table.protocol}", columns, rows)]
    gains = _gains(table, measured)
    if gains:
        gains = [[cells[0] + marked(name).removeprefix(name), *cells[1:]] for name, cells in gains]
        title = f"Against {marked(table.baseline)}, difference of means (a gain within the seeds' spread is no gain)"
        tables.append(Table(title, ["", *table.metrics], gains))
    return tables


def _gains(table: ComparisonTable, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, list[str]]]:
    """Name of the row, and its cells."""
    taught = {name for row in table.rows for name in row.teachers.values()}
    rows = []
    for row in table.rows:
        base = measured.get(row.baseline or table.baseline, ())
        if row.name in taught or row.name == table.baseline or not measured.get(row.name) or not base:
            continue
        cells = [f"{row.name} (against {row.baseline})" if row.baseline else row.name]
        for metric in table.metrics:
            ours, reference = ([r["scores"][metric] for r in each] for each in (measured[row.name], base))
            cells.append(gain_cell(ours, reference, metric in table.lower_is_better))
        rows.append((row.name, cells))
    return rows


def check_configs(table: ComparisonTable) -> None:
    """See that every config of a table is there and readable, before hours are spent on the first."""
    for row in table.rows:
        if row.config:
            read_config(row.config)
