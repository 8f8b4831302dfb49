"""Which files results get, so that none of another recording or network are replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tasks.amr.iq_files import Recording
from tasks.amr.recogniser import Recogniser
from tasks.amr.result_files import CSV_SUFFIX, JSON_SUFFIX
from tasks.amr.sigmf import DATA_SUFFIX, META_SUFFIX

RESULT_KEY = "result_key"
_HEAD = 1 << 16  # bytes; what is found may be a gigabyte


def result_key(recording: Recording, network: Recogniser) -> str | None:
    """What tells results from others of their name: a hash of where recording and network lie, which shows no folders.

    None for a stream, which is never the same again.
    """
    if recording.samples is None:
        return None
    places = [str(Path(path).resolve()) for path in (recording.source, network.path)]
    return hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16]


def result_name(recording: Recording, network: Recogniser, out: Path) -> str:
    """A name for the files of results: the recording's own, or else numbered, ``NAME_2``.

    What the same network found in the same file before, with whatever settings, is replaced. Results of another network
    or file stay, and so does what ``tools/predict.py`` did not write.

    Args:
        recording: just opened; it is noted there if the name is not its own.
        network: that is to hear it.
        out: folder of the results.
    """
    key = result_key(recording, network)
    name = next(name for name in _numbered(recording.name) if _is_free(recording, key, out, name))
    if name != recording.name:
        recording.notes.append(
            f"{recording.name} in {out} is of another recording or network: these results are called {name}"
        )
    return name


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name}_{number}"


def _is_free(recording: Recording, key: str | None, out: Path, name: str) -> bool:
    listing = out / f"{name}{JSON_SUFFIX}"
    if listing.is_file():
        return key is not None and _stored_key(listing) == key
    own = [] if recording.sigmf is None else [recording.sigmf.path.resolve(), recording.sigmf.data.resolve()]
    others = (out / f"{name}{suffix}" for suffix in (CSV_SUFFIX, META_SUFFIX, DATA_SUFFIX))
    return not any(path.exists() and path.resolve() not in own for path in others)


def _stored_key(listing: Path) -> str | None:
    """The key that a file of results tells; None if it tells none."""
    with listing.open(encoding="utf-8", errors="replace") as file:
        _, found, rest = file.read(_HEAD).partition(f'"{RESULT_KEY}": ')
    try:
        return json.JSONDecoder().raw_decode(rest)[0] if found else None
    except ValueError:
        return None
