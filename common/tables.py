"""Comparison tables: rows of configs over seeds, run where missing, kept as JSON, shown beside the paper's."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.atomic import atomic_write
from common.config import read_config
from common.errors import ConfigError, UserError, did_you_mean
from common.provenance import PROJECT_ROOT
from common.report import Table, mean_and_spread, verdict
from common.run_progress import RunProgress
from common.training import newest_checkpoint

ROW_KEYS = ("name", "config", "seeds", "teachers", "paper", "note")
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


class RunFailedError(UserError):
    """A training or evaluation that a table needs did not end well."""


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
    """

    name: str
    config: str | None = None
    seeds: tuple[int, ...] = ()
    teachers: Mapping[str, str] = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


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
    for name in [table.baseline, *(teacher for row in rows for teacher in row.teachers.values())]:
        table.row(name)
    return table


def _known_keys(described: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    for key in described:
        if key not in known:
            raise ConfigError(f"unknown key {key!r} in {path.name}{did_you_mean(key, known)}")


def slug(name: str) -> str:
    """A row's name as a folder name."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower()).strip("_")


class Reproduction:
    """Runs what a table lacks and keeps one JSON per cell in ``results/TABLE``.

    Args:
        table: what to run.
        work_dir: holds the runs' checkpoints and logs.
        results: holds the results.
        data_root: replaces the table's.
        device: ``'cpu'`` or ``'cuda'``; None chooses.
    """

    def __init__(
        self,
        table: ComparisonTable,
        work_dir: str | Path = "work_dirs",
        results: str | Path = "results",
        data_root: str | None = None,
        device: str | None = None,
    ):
        self.table = table
        self.work_dir = Path(work_dir) / table.key
        self.results = Path(results) / table.key
        self.data_root = data_root or table.data_root
        self.device = device
        self._threads: int | None = None

    def result_path(self, row: Row, seed: int) -> Path:
        """Where a cell's result lies."""
        return self.results / f"{slug(row.name)}_seed{seed}.json"

    def run_dir(self, row: Row, seed: int) -> Path:
        """Where a cell's run lies."""
        return self.work_dir / f"{slug(row.name)}_seed{seed}"

    def cells(self) -> list[tuple[Row, int]]:
        """All cells, teachers before the rows that need them."""
        taught = {name for row in self.table.rows for name in row.teachers.values()}
        ordered = sorted(self.table.rows, key=lambda row: row.name not in taught)
        return [(row, seed) for row in ordered for seed in row.seeds]

    def missing(self) -> list[tuple[Row, int]]:
        """Cells without a result."""
        return [(row, seed) for row, seed in self.cells() if not self.result_path(row, seed).is_file()]

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Train (or resume) one cell, evaluate its last checkpoint and store the result.

        Raises:
            RunFailedError: with the end of the log, if either fails.
        """
        folder = self.run_dir(row, seed)
        options = [*self.table.options, *self._teacher_options(row)]
        command = [str(PROJECT_ROOT / "tools" / "train.py"), row.config, "--seed", str(seed), "--work-dir", str(folder)]
        self._call([*command, "--resume", *self._data(), *self._options(options)], folder / "train.log")
        checkpoint = newest_checkpoint(folder)
        command = [str(PROJECT_ROOT / "tools" / "test.py"), row.config, str(checkpoint), "--split", self.table.split]
        device = ["--device", self.device] if self.device else []
        scored = folder / "scores.json"
        options = self._options(self.table.options)
        self._call([*command, "--out", str(scored), *self._data(), *device, *options], folder / "test.log")
        result = {"table": self.table.key, "row": row.name, "seed": seed, **json.loads(scored.read_text())}
        with atomic_write(self.result_path(row, seed), "w") as file:
            file.write(json.dumps(result, indent=1) + "\n")
        return result

    def run_missing(self, jobs: int = 1) -> None:
        """Run the cells without a result, teachers first, ``jobs`` at a time, under a progress bar."""
        taught = {name for row in self.table.rows for name in row.teachers.values()}
        missing = self.missing()
        teachers = [cell for cell in missing if cell[0].name in taught]
        for stage in (teachers, [cell for cell in missing if cell not in teachers]):
            if not stage:
                continue
            label = ", ".join(dict.fromkeys(row.name for row, _ in stage))
            self._threads = max((os.cpu_count() or 1) // max(jobs, 1), 1)
            with RunProgress(label, len(stage)) as progress, ThreadPoolExecutor(max(jobs, 1)) as pool:
                runs = [pool.submit(self._run_shown, progress, row, seed) for row, seed in stage]
                try:
                    for done in as_completed(runs):
                        done.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def _run_shown(self, progress: RunProgress, row: Row, seed: int) -> None:
        with progress.run(f"{row.name}, seed {seed}", self.run_dir(row, seed) / "train.log"):
            self.run(row, seed)

    def _data(self) -> list[str]:
        return ["--data-root", str(self.data_root)] if self.data_root else []

    def _options(self, options: Sequence[str]) -> list[str]:
        return ["--cfg-options", *options] if options else []

    def _teacher_options(self, row: Row) -> list[str]:
        options = []
        for name, source in row.teachers.items():
            teacher = self.table.row(source)
            checkpoint = newest_checkpoint(self.run_dir(teacher, teacher.seeds[0]))
            if checkpoint is None:
                raise RunFailedError(
                    f"row {row.name!r} needs the checkpoint of row {source!r} in "
                    f"{self.run_dir(teacher, teacher.seeds[0])}, and there is none; delete its result to run it again"
                )
            options.append(f"model.teachers.{name}.checkpoint={checkpoint}")
        return options

    def _call(self, command: list[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        paths = os.pathsep.join([str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths}
        if self._threads is not None:  # runs side by side that all take every core slow each other down
            environment.setdefault("OMP_NUM_THREADS", str(self._threads))
        with open(log, "a", encoding="utf-8") as file:
            done = subprocess.run([sys.executable, *command], stdout=file, stderr=subprocess.STDOUT, env=environment)
        if done.returncode:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-6:])
            raise RunFailedError(f"{' '.join(command)} ended with status {done.returncode}; the end of {log}:\n{tail}")

    def measured(self) -> dict[str, list[dict[str, Any]]]:
        """Row name -> its stored results, one per seed."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row, seed in self.cells():
            path = self.result_path(row, seed)
            if path.is_file():
                found.setdefault(row.name, []).append(json.loads(path.read_text()))
        return found

    def report(self) -> list[Table]:
        """The comparison, and the gains over the baseline with what may be said of them."""
        return comparison(self.table, self.measured())


def comparison(table: ComparisonTable, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Table]:
    """Tables of paper against measured, and of gains over the baseline row.

    Args:
        table: the description.
        measured: row name -> results with ``scores``.
    """
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
        rows.append([row.name, *quoted, *shown, str(len(values[table.metrics[0]]))])
    columns = ["", *(f"{metric} (paper)" for metric in papers), *table.metrics, "seeds"]
    tables = [Table(f"{table.title}: {table.protocol}", columns, rows)]
    gains = _gains(table, measured)
    if gains:
        title = f"Against {table.baseline}, difference of means (a gain within the seeds' spread is no gain)"
        tables.append(Table(title, ["", *table.metrics], gains))
    return tables


def _gains(table: ComparisonTable, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[list[str]]:
    base = measured.get(table.baseline, ())
    taught = {name for row in table.rows for name in row.teachers.values()}
    rows = []
    for row in table.rows:
        if row.name in taught or row.name == table.baseline or not measured.get(row.name) or not base:
            continue
        cells = [row.name]
        for metric in table.metrics:
            ours = np.array([r["scores"][metric] for r in measured[row.name]])
            reference = np.array([r["scores"][metric] for r in base])
            gain = float(ours.mean() - reference.mean())
            spreads = [float(v.std(ddof=1)) if len(v) > 1 else math.nan for v in (ours, reference)]
            better = -gain if metric in table.lower_is_better else gain
            cells.append(f"{gain:+.2f} ({verdict(better, spreads)})")
        rows.append(cells)
    return rows


def check_configs(table: ComparisonTable) -> None:
    """See that every config of a table is there and readable, before hours are spent on the first."""
    for row in table.rows:
        if row.config:
            read_config(row.config)
