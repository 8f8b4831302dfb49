"""Which files the results of a recording get, so that none of another recording are replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tasks.amr.iq_files import Recording
from tasks.amr.result_files import CSV_SUFFIX, JSON_SUFFIX
from tasks.amr.sigmf import DATA_SUFFIX, META_SUFFIX

RECORDING_KEY = "recording_key"
_HEAD = 1 << 16  # bytes; what is found may be a gigabyte


def recording_key(recording: Recording) -> str | None:
    """What tells a file from others of its name: a hash of where it lies, which says nothing of the folders.

    None for a stream, which is never the same again.
    """
    if recording.samples is None:
        return None
    return hashlib.sha256(str(Path(recording.source).resolve()).encode()).hexdigest()[:16]


def result_name(recording: Recording, out: Path) -> str:
    """A name for the files of results: the recording's own, or else numbered, ``NAME_2``.

    Results of the same file are replaced. Those of another stay, and so does what ``tools/predict.py`` did not write.

    Args:
        recording: just opened; it is noted there if the name is not its own.
        out: folder of the results.
    """
    name = next(name for name in _numbered(recording.name) if _is_free(recording, out, name))
    if name != recording.name:
        recording.notes.append(f"{recording.name} in {out} is of another recording: these results are called {name}")
    return name


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name}_{number}"


def _is_free(recording: Recording, out: Path, name: str) -> bool:
    listing = out / f"{name}{JSON_SUFFIX}"
    if listing.is_file():
        key = recording_key(recording)
        return key is not None and _stored_key(listing) == key
    own = [] if recording.sigmf is None else [recording.sigmf.path.resolve(), recording.sigmf.data.resolve()]
    others = (out / f"{name}{suffix}" for suffix in (CSV_SUFFIX, META_SUFFIX, DATA_SUFFIX))
    return not any(path.exists() and path.resolve() not in own for path in others)


def _stored_key(listing: Path) -> str | None:
    """The recording that a file of results says it is about; None if it does not say."""
    with listing.open(encoding="utf-8", errors="replace") as file:
        _, found, rest = file.read(_HEAD).partition(f'"{RECORDING_KEY}": ')
    try:
        return json.JSONDecoder().raw_decode(rest)[0] if found else None
    except ValueError:
        return None
