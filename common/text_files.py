"""Text, numbers, JSON and XML of files that people and tools write, with errors that name the file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from common.errors import DataError


def read_text(path: str | Path, what: str) -> str:
    """The text of a file, without a byte order mark; bytes that are no UTF-8 become U+FFFD.

    Args:
        path: the file.
        what: it is, for the message, such as ``'a PTS file'``.

    Raises:
        DataError: if it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"expected {what} at {Path(path).absolute()} but found: {error.strerror}") from error


def read_json(path: str | Path, what: str) -> Any:
    """What a JSON file holds.

    Args:
        path: the file.
        what: it is, for the message.

    Raises:
        DataError: if it cannot be read or is no JSON.
    """
    try:
        return json.loads(read_text(path, what))
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected JSON in {path} but found: {error}") from error


def read_xml(path: str | Path, what: str) -> ElementTree.Element:
    """The root of an XML file, which may not have a document type.

    Args:
        path: the file.
        what: it is, for the message.

    Raises:
        DataError: if it cannot be read, is no XML, or has a document type.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"expected {what} at {Path(path).absolute()} but found: {error.strerror}") from error
    # Entities, which can grow without bound, stand in document types, which no tool for labels writes.
    if b"<!DOCTYPE" in content.upper():
        raise DataError(f"expected {what} but found a document type in {path}; remove it")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"expected XML but found: {error} in {path}") from error


def as_numbers(fields: Sequence[str], where: str) -> np.ndarray:
    """Texts as finite numbers, float64 ``[len(fields)]``.

    Args:
        fields: one text for each number.
        where: file and line, for the message.

    Raises:
        DataError: for a text that is no finite number; names it and its place in ``fields``, from 1 on.
    """
    try:
        numbers = np.array([float(field) for field in fields])
        if np.isfinite(numbers).all():
            return numbers
    except ValueError:
        pass
    place, field = next((place, field) for place, field in enumerate(fields, 1) if not _is_finite(field))
    raise DataError(f"expected a finite number but found {field!r} (number {place} of {len(fields)}) in {where}")


def _is_finite(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
