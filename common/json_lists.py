"""JSON files that are mostly one list, whose rows are written as they are found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from common.atomic import atomic_write
from common.errors import DataError


class JsonList:
    """Takes the rows one by one, each of which becomes a line; see `open_list`."""

    def __init__(self, file: IO[str], name: str):
        self._file, self._name = file, name
        self._separator = ""

    def start(self, head: Mapping[str, Any]) -> None:
        """Write what comes before the list; at least one entry."""
        text = json.dumps(head, indent=2, ensure_ascii=False)
        self._file.write(text.removesuffix("\n}") + f",\n  {json.dumps(self._name)}: [")

    def add(self, row: Any) -> None:
        """Write a row."""
        self._file.write(f"{self._separator}\n    {json.dumps(row, ensure_ascii=False)}")
        self._separator = ","

    def end(self, tail: Mapping[str, Any] | None = None) -> None:
        """Write what comes after the list."""
        text = json.dumps(tail, indent=2, ensure_ascii=False).removeprefix("{") if tail else "\n}"
        self._file.write(f"\n  ]{',' if tail else ''}{text}\n")


@contextmanager
def open_list(path: str | Path, name: str) -> Iterator[JsonList]:
    """A file for an object with one long list, which appears when the block ends well; memory does not grow.

    Args:
        path: the file.
        name: of the list in the object.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        with atomic_write(path, "w") as file:
            yield JsonList(file, name)
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error
