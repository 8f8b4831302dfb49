"""Progress of runs that train in processes of their own, read from their logs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_STEP = re.compile(r"Iter\(train\)\s+\[\s*(\d+)/(\d+)\].*?\bloss: ([\d.]+)")
_TAIL_BYTES = 8192


def last_step(log: Path) -> tuple[int, int, str] | None:
    """Iteration, number of iterations and loss in the last training line of a log; None before the first."""
    if not log.is_file():
        return None
    with open(log, "rb") as file:
        file.seek(max(log.stat().st_size - _TAIL_BYTES, 0))
        steps = _STEP.findall(file.read().decode("utf-8", errors="replace"))
    return (int(steps[-1][0]), int(steps[-1][1]), steps[-1][2]) if steps else None


class RunProgress:
    """A bar over all runs and one for each that is under way: iterations, loss and time left.

    Args:
        label: what the runs are.
        total: how many there are.
        seconds: between two looks at the logs.
    """

    def __init__(self, label: str, total: int, seconds: float = 1.0):
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._overall = self._bars.add_task(label, total=total, note="runs")
        self._logs: dict[TaskID, Path] = {}
        self._seconds = seconds
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> RunProgress:
        self._bars.start()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
        self._bars.stop()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()

    def look(self) -> None:
        """Read the logs of the runs under way."""
        for task, log in list(self._logs.items()):
            step = last_step(log)
            if step is not None:
                note = f"loss {step[2]}" if step[0] < step[1] else "evaluating"
                self._bars.update(task, completed=step[0], total=step[1], note=note)

    @contextmanager
    def run(self, name: str, log: Path) -> Iterator[TaskID]:
        """Show a run while the block lasts; it counts as done if the block ends without an error."""
        task = self._bars.add_task(f"  {name}", total=None, note="starting")
        self._logs[task] = log
        try:
            yield task
            self._bars.advance(self._overall)
        finally:
            self._logs.pop(task)
            self._bars.remove_task(task)

    def shown(self) -> list[tuple[str, float, float | None, str]]:
        """Description, completed, total and note of every bar."""
        return [(t.description, t.completed, t.total, t.fields["note"]) for t in self._bars.tasks]
