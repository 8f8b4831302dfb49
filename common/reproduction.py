"""Running what a comparison table lacks: trainings and evaluations in processes of their own, results kept as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path
from typing import Any

from common.atomic import atomic_write
from common.config_hash import config_hash
from common.errors import UserError
from common.provenance import PROJECT_ROOT
from common.report import Table, write_text
from common.run_progress import RunProgress
from common.tables import ComparisonTable, Row, comparison
from common.training import newest_checkpoint

SCORES = "scores.json"  # the last file that a run leaves


class RunFailedError(UserError):
    """A training or evaluation that a table needs did not end well."""


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
        """All cells, those that others are run with (teachers, starts) before these."""
        return [(row, seed) for row in sorted(self.table.rows, key=self._stage) for seed in row.seeds]

    def _stage(self, row: Row) -> int:
        """Stages are run one after the other: what needs nothing, what needs that, and so on; last what none needs."""
        if any(row.name in other.needs for other in self.table.rows):
            return self._depth(row)
        return max(map(self._depth, self.table.rows))

    def _depth(self, row: Row) -> int:
        return max((self._depth(self.table.row(name)) + 1 for name in row.needs), default=0)

    def _sources(self, row: Row, seed: int) -> dict[str, tuple[Row, int]]:
        """Key of a config -> the cell whose checkpoint it is given: teachers' first seeds, the start's own seed."""
        teachers = {f"model.teachers.{name}.checkpoint": self.table.row(of) for name, of in row.teachers.items()}
        sources = {key: (teacher, teacher.seeds[0]) for key, teacher in teachers.items()}
        return {**sources, "model.start": (self.table.row(row.start), seed)} if row.start else sources

    def missing(self) -> list[tuple[Row, int]]:
        """Cells without a result."""
        return [(row, seed) for row, seed in self.cells() if not self.result_path(row, seed).is_file()]

    def pending(self) -> list[tuple[Row, int]]:
        """Cells without a result, and before them those that they need but whose checkpoint is not here."""
        wanted = {(row.name, seed) for row, seed in self.missing()}
        for row, seed in reversed(self.cells()):
            if (row.name, seed) in wanted:
                sources = self._sources(row, seed).values()
                wanted |= {(source.name, own) for source, own in sources if not self._is_trained(source, own)}
        return [(row, seed) for row, seed in self.cells() if (row.name, seed) in wanted]

    def _is_trained(self, row: Row, seed: int) -> bool:
        """Whether a cell's run ended here, by its scores, which come last, and with today's config."""
        folder = self.run_dir(row, seed)
        ended = newest_checkpoint(folder) is not None and (folder / SCORES).is_file()
        return ended and self._started_with(folder) in (None, self.config_hash(row))

    def config_hash(self, row: Row) -> str:
        """`common.config_hash.config_hash` of a row as its table runs it."""
        needed = [name for _, name in sorted(row.teachers.items())] + ([row.start] if row.start else [])
        hashes = [self.config_hash(self.table.row(name)) for name in needed]
        return config_hash(row.config, self.table.split, self.table.options, hashes)

    def _started_with(self, folder: Path) -> str | None:
        """The hash of the config that a run was started with; None where that was not noted."""
        noted = folder / "config.sha256"
        return noted.read_text() if noted.is_file() else None

    def _start(self, row: Row, folder: Path) -> str | None:
        """Note the config that a run starts with, or see that it goes on with the same."""
        today = self.config_hash(row)
        if newest_checkpoint(folder) is None:
            write_text(folder / "config.sha256", today)
        noted = self._started_with(folder)
        if noted not in (None, today):
            raise RunFailedError(
                f"row {row.name!r}: the run in {folder} was started with another config than today's {row.config} (or "
                f"that of a row it needs); delete {folder} to start anew"
            )
        return noted

    def run(self, row: Row, seed: int) -> dict[str, Any]:
        """Train (or resume) one cell, evaluate its last checkpoint and store the result where there is none yet.

        Raises:
            RunFailedError: with the end of the log, if either fails; or if what there is to resume was started with
                another config.
        """
        folder = self.run_dir(row, seed)
        config = self._start(row, folder)
        options = [*self.table.options, *self._source_options(row, seed)]
        command = [str(PROJECT_ROOT / "tools" / "train.py"), row.config, "--seed", str(seed), "--work-dir", str(folder)]
        self._call([*command, "--resume", *self._data(), *self._options(options)], folder / "train.log")
        checkpoint = newest_checkpoint(folder)
        command = [str(PROJECT_ROOT / "tools" / "test.py"), row.config, str(checkpoint), "--split", self.table.split]
        device = ["--device", self.device] if self.device else []
        scored = folder / SCORES
        options = self._options(self.table.options)
        self._call([*command, "--out", str(scored), *self._data(), *device, *options], folder / "test.log")
        cell = {"table": self.table.key, "row": row.name, "seed": seed, "config_sha256": config}
        result = {**cell, **json.loads(scored.read_text())}
        if not self.result_path(row, seed).is_file():
            with atomic_write(self.result_path(row, seed), "w") as file:
                file.write(json.dumps(result, indent=1) + "\n")
        return result

    def run_missing(self, jobs: int = 1) -> None:
        """Run the `pending` cells, those that others need first, ``jobs`` at a time, under a progress bar."""
        for _, cells in groupby(self.pending(), key=lambda cell: self._stage(cell[0])):
            stage = list(cells)
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

    def _source_options(self, row: Row, seed: int) -> list[str]:
        options = []
        for key, (source, own) in self._sources(row, seed).items():
            checkpoint = newest_checkpoint(self.run_dir(source, own))
            if checkpoint is None:
                raise RunFailedError(
                    f"row {row.name!r} needs the checkpoint of row {source.name!r} in {self.run_dir(source, own)}, and "
                    f"there is none; run that first"
                )
            options.append(f"{key}={checkpoint}")
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

    def changed(self) -> dict[str, list[int]]:
        """Row name -> seeds whose result is of another config than today's; results that do not tell are left out."""
        found: dict[str, list[int]] = {}
        for row, seed in self.cells():
            path = self.result_path(row, seed)
            stored = json.loads(path.read_text()).get("config_sha256") if path.is_file() else None
            if stored not in (None, self.config_hash(row)):
                found.setdefault(row.name, []).append(seed)
        return found

    def remedies(self) -> list[str]:
        """For each row of `changed`, what was measured before and how to run it again."""
        told = []
        for name, seeds in self.changed().items():
            row = self.table.row(name)
            paths = [place(row, seed) for seed in seeds for place in (self.result_path, self.run_dir)]
            delete = " ".join(str(path) for path in paths if path.exists())
            when = f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))} {'were' if len(seeds) > 1 else 'was'}"
            told.append(
                f"{name}: its config changed since {when} measured; to measure again: rm -r {delete}, and rerun"
            )
        return told

    def report(self) -> list[Table]:
        """The comparison, and the gains over the baseline with what may be said of them."""
        return comparison(self.table, self.measured(), self.changed())
