"""RadioML's pickles, kept as HDF5 from the first reading on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from mmengine.logging import print_log

from common.atomic import atomic_write
from common.errors import DataError
from common.frame_pickle import read_rml_pickle

CACHE = "data/cache"
# Of the converted files. One of another version lacks something, and is made again.
VERSION = 2


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

    Layout as `data_prep.amr.generate` writes it: ``X`` float32 ``[N, 2, L]``, ``mod`` int16 ``[N]`` (index into the
    attribute ``classes``, sorted), ``snr`` int16 ``[N]``; frames of a cell stay in order. The attributes
    ``sample_rate`` and ``samples_per_symbol`` come from the record beside a generated pickle, NAME.pkl.json, if it is
    there.

    Args:
        path: see `common.frame_pickle.read_rml_pickle`.
        out: the file to write, never half-written.

    Raises:
        DataError: as `common.frame_pickle.read_rml_pickle`; if the record is damaged or is of another pickle; or if
            ``out`` cannot be written.
    """
    path = Path(path)
    cells = read_rml_pickle(path)
    signal = _recorded_signal(path, {cell: len(frames) for cell, frames in cells.items()})
    try:
        with atomic_write(out, "w+b") as file, h5py.File(file, "w") as h5:
            write_cells(h5, cells)
            h5.attrs["source"] = path.name
            h5.attrs["source_state"] = _state(path)
            h5.attrs["version"] = VERSION
            h5.attrs.update(signal)
    except OSError as error:
        raise DataError(
            f"expected to write {out} but found: {error.strerror or error}; name another folder (cache=...)"
        ) from error


def write_cells(h5: h5py.File, cells: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Write cells into an open HDF5 file, in the order of sorted modulations and SNRs; see `convert_to_hdf5`."""
    classes = sorted({mod for mod, _ in cells})
    total = sum(map(len, cells.values()))
    length = next(iter(cells.values())).shape[2]
    # In one piece and unpacked: a frame's place in the file is then plain arithmetic.
    frames = h5.create_dataset("X", (total, 2, length), np.float32)
    mods, snrs = np.empty(total, np.int16), np.empty(total, np.int16)
    start = 0
    for mod, snr in sorted(cells):
        here = slice(start, start + len(cells[mod, snr]))
        frames[here], mods[here], snrs[here] = cells[mod, snr], classes.index(mod), snr
        start = here.stop
    h5["mod"], h5["snr"] = mods, snrs
    h5.attrs["classes"] = classes


def _recorded_signal(path: Path, cells: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    """Sample rate in Hz and samples per symbol (one, or all that occur) of a generated pickle; nothing of others."""
    beside = _record_path(path)
    if not beside.is_file():
        return {}
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "recipe" not in record:
            return {}  # somebody else's file
        told = {(mod, int(snr)): int(record["frames"]) for mod in record["mods"] for snr in record["snrs"]}
        signal = {"sample_rate": float(record["recipe"]["sample_rate"])}
        signal["samples_per_symbol"] = np.array(record["recipe"]["sps"], float)
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
    return signal
