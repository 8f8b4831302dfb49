"""RadioML's pickles, kept as HDF5 from the first reading on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from mmengine.logging import print_log

from common.atomic import atomic_write
from common.errors import DataError
from common.frame_files import FrameWriter, record_generation
from common.frame_pickle import check_there, read_rml_pickle

CACHE = "data/cache"
# Of the converted files. One of another version lacks something, and is made again.
VERSION = 3


def converted(path: str | Path, cache: str | Path = CACHE) -> Path:
    """The HDF5 form of a pickle, made where it is not there yet, or is of an older state of the pickle or of this code.

    Nothing is written beside the pickle, whose folder is often read-only or shared.

    Args:
        path: see `common.frame_pickle.read_rml_pickle`.
        cache: folder of the HDF5 file, which is named after the pickle and its folder.

    Raises:
        DataError: as `convert_to_hdf5`.
    """
    path = Path(path)
    where = hashlib.sha256(str(path.absolute().parent).encode()).hexdigest()[:8]
    out = Path(cache) / f"{path.name}-{where}.h5"
    if not _is_of(out, path):
        check_there(path)
        print_log(f"converting {path.name} to {out}, once", "current")
        convert_to_hdf5(path, out)
    return out


def _is_of(out: Path, path: Path) -> bool:
    if not (out.is_file() and path.is_file()):
        return False
    try:
        with h5py.File(out) as file:
            return (file.attrs.get("version"), file.attrs.get("source_state")) == (VERSION, _state(path))
    except OSError:
        return False


def _state(path: Path) -> str:
    files = [file.stat() for file in (path, _record_path(path)) if file.is_file()]
    return "; ".join(f"{told.st_size} bytes, {told.st_mtime_ns} ns" for told in files)


def _record_path(path: Path) -> Path:
    """Where the generator tells what a pickle was made from: beside it, or beside what it is a link to."""
    beside = path.with_name(f"{path.name}.json")
    return beside if beside.is_file() else Path(f"{path.resolve()}.json")


def convert_to_hdf5(path: str | Path, out: str | Path) -> None:
    """Keep a pickle's frames as HDF5, where any of them can be read without the others. Once is enough.

    The layout is the suite's, see `common.frame_files`: classes sorted, frames of a cell in order. What the record
    beside a generated pickle says, NAME.pkl.json, goes into attributes.

    Args:
        path: see `common.frame_pickle.read_rml_pickle`.
        out: the file to write, never half-written.

    Raises:
        DataError: as `common.frame_pickle.read_rml_pickle`; if the record is damaged or is of another pickle; or if
            ``out`` cannot be written.
    """
    path = Path(path)
    cells = read_rml_pickle(path)
    record = _record(path, {cell: len(frames) for cell, frames in cells.items()})
    try:
        with atomic_write(out, "w+b") as file, h5py.File(file, "w") as h5:
            classes, length = sorted({mod for mod, _ in cells}), next(iter(cells.values())).shape[2]
            writer = FrameWriter(h5, classes, sum(map(len, cells.values())), length)
            for mod, snr in sorted(cells):
                writer.write(mod, snr, cells[mod, snr])
            writer.check_full()
            h5.attrs.update({"source": path.name, "source_state": _state(path), "version": VERSION})
            if record:
                h5.attrs.update(record.signal)
                record_generation(h5, *record.generation)
    except OSError as error:
        raise DataError(
            f"expected to write {out} but found: {error.strerror or error}; name another folder (cache=...)"
        ) from error


class _Record(NamedTuple):
    """What the generator noted beside a pickle: rates, as attributes of a file, and version, seed and recipe."""

    signal: dict[str, Any]
    generation: tuple[int, int, dict[str, Any]]


def _record(path: Path, cells: Mapping[tuple[str, int], int]) -> _Record | None:
    """The record of a generated pickle; None of others."""
    beside = _record_path(path)
    if not beside.is_file():
        return None
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "recipe" not in record:
            return None  # somebody else's file
        told = {(mod, int(snr)): int(record["frames"]) for mod in record["mods"] for snr in record["snrs"]}
        recipe = record["recipe"]
        signal = {"sample_rate": float(recipe["sample_rate"]), "samples_per_symbol": np.array(recipe["sps"], float)}
        generation = int(record["generator_version"]), int(record["seed"]), recipe
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"expected what the generator recorded of {path.name} in {beside} but found {reason}; delete it to do "
            "without, or make the set again"
        ) from error
    if told != dict(cells):
        raise DataError(
            f"expected what the generator recorded of {path.name} in {beside} but found the record of another set: "
            f"{len(told)} cells of {record['frames']} frames, not {len(cells)} of {sorted(set(cells.values()))}; "
            "delete it, or put the right one there"
        )
    return _Record(signal, generation)
