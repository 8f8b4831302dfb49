"""Files of frames: RadioML's pickle layout and HDF5, written block by block and only whole.

The HDF5 layout is the suite's, see `common.frame_files`, cell by cell in the order of modulations and labels, and has

- ``snr_measured_db`` float32 ``[N]``, SNR of the frame over the whole band (-inf without signal, inf without noise);
- ``sps`` int16 ``[N]``, samples per symbol, in sets of more than one;
- attributes of the file: ``sample_rate`` (Hz, nominal), ``samples_per_symbol`` (in sets of one), ``seed``,
  ``generator_version`` and ``recipe`` (JSON: every constant and switch).

Beside a pickle, which has no place for it, the same record stands in ``NAME.pkl.json``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import h5py
import numpy as np

from common.atomic import atomic_write
from common.errors import ConfigError, DataError
from common.frame_files import FrameWriter, record_generation
from data_prep.amr.recipe import GENERATOR_VERSION, Extent, Recipe

SUFFIXES = (".pkl", ".h5")


@dataclass(frozen=True)
class Block:
    """Frames ``first``, ``first + 1``, ... of one cell: ``float32 [F, 2, L]``, their SNR in dB, ``float32 [F]``, and
    samples per symbol, ``int16 [F]``, in sets of more than one.
    """

    mod: str
    snr: int
    first: int
    frames: np.ndarray
    measured: np.ndarray
    sps: np.ndarray | None = None


class Writer(Protocol):
    """Takes the blocks of a set, in the order of its cells and frames."""

    def write(self, block: Block) -> None: ...


def record(recipe: Recipe, extent: Extent) -> dict[str, Any]:
    """What a set was made from, in types that JSON knows."""
    return {
        "generator_version": GENERATOR_VERSION,
        "mods": list(extent.mods),
        "snrs": list(extent.snrs),
        "frames": extent.frames,
        "seed": extent.seed,
        "recipe": recipe.as_json(),
    }


def check_output(path: Path, force: bool) -> None:
    """Refuse a name that says no layout, and a file that is there.

    Raises:
        ConfigError: unless ``path`` ends in .pkl or .h5.
        DataError: if ``path`` exists (unless ``force``).
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"expected an output file named *.pkl or *.h5 but found {path}")
    if path.exists() and not (force and path.is_file()):
        raise DataError(f"expected a new file but found {path}; name another one, or replace it with --force")


@contextmanager
def open_writer(path: Path, recipe: Recipe, extent: Extent) -> Iterator[Writer]:
    """A writer for ``path`` by its suffix; the file takes its name when the block ends without an error.

    Raises:
        DataError: if the file cannot be written.
    """
    try:
        # a file of HDF5 is read back while it is written
        with atomic_write(path, "wb" if path.suffix == ".pkl" else "w+b") as file:
            if path.suffix == ".pkl":
                writer = RmlPickleWriter(file, extent.frames, recipe.length)
                yield writer
                writer.close()
            else:
                with h5py.File(file, "w") as h5:
                    writer = Hdf5Writer(h5, recipe, extent)
                    yield writer
                    writer.close()
        if path.suffix == ".pkl":
            with atomic_write(f"{path}.json", "w") as file:
                file.write(json.dumps(record(recipe, extent), indent=2) + "\n")
    except OSError as error:
        raise DataError(f"expected to write {path} but found: {error.strerror or error}") from error


class Hdf5Writer:
    """Writes the HDF5 layout of this module."""

    def __init__(self, file: h5py.File, recipe: Recipe, extent: Extent) -> None:
        more = {"snr_measured_db": np.float32}
        if isinstance(recipe.sps, tuple):
            more["sps"] = np.int16
        else:
            file.attrs["samples_per_symbol"] = recipe.sps
        file.attrs["sample_rate"] = recipe.sample_rate
        record_generation(file, GENERATOR_VERSION, extent.seed, recipe.as_json())
        self._writer = FrameWriter(file, extent.mods, extent.total(), recipe.length, more)

    def write(self, block: Block) -> None:
        """Append a block."""
        more = {} if block.sps is None else {"sps": block.sps}
        self._writer.write(block.mod, block.snr, block.frames, snr_measured_db=block.measured, **more)

    def close(self) -> None:
        """See that no frame is missing."""
        self._writer.check_full()


class RmlPickleWriter:
    """Writes ``dict[(mod, snr)] -> float32 [frames, 2, length]`` as Python 2 pickles it (protocol 2).

    Byte strings hold names and samples, as in the published file: ``pickle.load(file, encoding="latin1")`` reads it.
    Written opcode by opcode, since `pickle` would want all arrays in memory.

    Args:
        file: binary, for writing.
        frames: frames in each cell.
        length: samples in a frame.
    """

    _LARGEST = (1 << 31) - 1  # of the opcode for byte strings

    def __init__(self, file: IO[bytes], frames: int, length: int) -> None:
        self._file, self._frames, self._length = file, frames, length
        self._bytes = frames * 2 * length * 4
        if self._bytes > self._LARGEST:
            raise ConfigError(
                f"expected at most {self._LARGEST} bytes in each (mod, snr) of a pickle but found {self._bytes}; "
                "write .h5 instead"
            )
        file.write(b"\x80\x02}")

    def write(self, block: Block) -> None:
        """Append a block; the first of a cell opens it, the last closes it."""
        if block.first == 0:
            self._file.write(_short(block.mod) + _number(block.snr) + b"\x86" + self._array_head())
        self._file.write(np.ascontiguousarray(block.frames, "<f4").data)
        if block.first + len(block.frames) == self._frames:
            self._file.write(b"tbs")

    def close(self) -> None:
        """End the pickle."""
        self._file.write(b".")

    def _array_head(self) -> bytes:
        """An array up to its samples: an empty one, then its state (version, shape, dtype, order, data)."""
        empty = (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + _number(0) + b"\x85" + _short("b") + b"\x87R"
        )
        dtype = b"cnumpy\ndtype\n" + _short("f4") + _number(0) + _number(1) + b"\x87R"
        dtype += b"(" + _number(3) + _short("<") + b"NNN" + _number(-1) + _number(-1) + _number(0) + b"tb"
        shape = b"".join(_number(size) for size in (self._frames, 2, self._length)) + b"\x87"
        return empty + b"(" + _number(1) + shape + dtype + b"\x89T" + struct.pack("<i", self._bytes)


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _short(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("ascii")
