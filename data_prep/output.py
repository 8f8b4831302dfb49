"""Folders and files that appear whole or not at all, and sets that several processes generate."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from common.errors import DataError

Job = TypeVar("Job")
Result = TypeVar("Result")


def progress_bar() -> Progress:
    """Bar with count, time spent and time left."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())


def is_filled(folder: Path) -> bool:
    """Whether anything stands in the way at ``folder``."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def is_generated(root: Path, record: str, wanted: Mapping[str, Any], force: bool = False) -> bool:
    """Whether a set of the wanted settings is at ``root`` already, so that none has to be written.

    Args:
        root: folder of the set.
        record: name of the file in it that keeps a set's settings.
        wanted: settings, as JSON gives them back.
        force: whether a set of other settings may be replaced.

    Raises:
        DataError: if something else is there, or a set with other settings (unless ``force``).
    """
    if not is_filled(root):
        return False
    file = root / record
    if not file.is_file():
        raise DataError(
            f"expected a new or empty folder, or one that this generator wrote, but found other files in {root}; "
            "name another folder (it is never overwritten)"
        )
    if force:
        return False
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if found == wanted:
        return True
    found = found if isinstance(found, dict) else {}
    differences = ", ".join(
        f"{key} {found.get(key)} (wanted {value})" for key, value in wanted.items() if value != found.get(key)
    )
    raise DataError(
        f"expected the wanted settings but found {differences} in {file}; name another folder, or replace this one "
        "with force (--force)"
    )


def run_jobs(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, label: str) -> list[Result]:
    """What ``work`` gives for each job, in their order, by several processes under a progress bar.

    Args:
        work: can be pickled.
        jobs: likewise.
        workers: processes; 1 stays in this one.
        label: of the bar.
    """
    results = []
    with progress_bar() as progress:
        task = progress.add_task(label, total=len(jobs))
        if min(workers, len(jobs)) <= 1:
            for job in jobs:
                results.append(work(job))
                progress.advance(task)
            return results
        # Not forked: the caller may run threads (torch), which a fork would leave in an undefined state.
        context = multiprocessing.get_context("spawn")
        with context.Pool(min(workers, len(jobs)), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            for result in pool.imap(work, jobs):
                results.append(result)
                progress.advance(task)
    return results


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place when the block ends without an error.

    What stood at ``folder`` before is removed only then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        new, old = temporary / "new", temporary / "old"
        new.mkdir()
        yield new
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a PNG: RGB ``uint8 [H, W, 3]`` or a label ``uint8 [H, W]``.

    Raises:
        DataError: if the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}")
    encoded = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)[1]
    try:
        temporary.write_bytes(encoded.tobytes())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"expected to write {path} but found: {error.strerror}; check the free space") from error


def read_image(path: Path, flag: int = cv2.IMREAD_COLOR_RGB) -> np.ndarray:
    """Read a picture (RGB unless ``flag`` says otherwise).

    Raises:
        DataError: if the file is missing or no picture.
    """
    data = np.frombuffer(path.read_bytes(), np.uint8) if path.is_file() else None
    if data is None:
        raise DataError(f"expected a picture but found no file {path}")
    image = cv2.imdecode(data, flag) if data.size else None
    if image is None:
        raise DataError(f"expected a picture but found {data.size} unreadable bytes in {path}; copy it again")
    return image
