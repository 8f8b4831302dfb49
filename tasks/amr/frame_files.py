"""HDF5 files of frames, of which only the frames that are asked for are read."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from common.errors import DataError

# Of one-hot labels, which are read whole: 24 int64 columns make 12 MB.
_ROWS_AT_ONCE = 1 << 16


class FrameReader:
    """Reads rows of an HDF5 dataset ``[N, 2, L]`` or ``[N, L, 2]`` of real numbers.

    Where the dataset lies in the file uncompressed, in one piece or in chunks of whole frames, frames are taken from
    a map of the file into memory: about a microsecond each, nothing is read that is not wanted, and what is read
    belongs to the system's cache. Other layouts go through h5py, some hundred times slower.

    Copies in other processes open the file anew.

    Args:
        path: the file.
        name: of the dataset.

    Raises:
        DataError: if the dataset has another shape or type.
    """

    def __init__(self, path: str | Path, name: str = "X"):
        self.path, self.name = Path(path), name
        with open_hdf5(self.path, (name,)) as file:
            dataset = file[name]
            shape, kind = dataset.shape, dataset.dtype.kind
            if len(shape) != 3 or 2 not in shape[1:] or kind != "f":
                raise DataError(
                    f"expected float32 frames [N, 2, L] or [N, L, 2] in {name} of {path} but found {dataset.dtype} "
                    f"of shape {shape}"
                )
            self._samples_first = shape[1] != 2
            self._shape, self._dtype = shape[1:], dataset.dtype
            self._chunk, self._places = _places(dataset)
        self.length = max(self._shape) if self._samples_first else self._shape[1]
        self._file: h5py.File | None = None
        self._bytes: np.ndarray | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether frames come from a map of the file."""
        return self._places is not None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Frames at ``rows``, float32 ``[n, 2, L]``.

        Raises:
            DataError: if one of them has samples that are not finite.
        """
        frames = self._read_mapped(rows) if self.is_mapped else self._read_stored(rows)
        if self._samples_first:
            frames = frames.transpose(0, 2, 1)
        frames = np.ascontiguousarray(frames, np.float32)
        # The sum of finite float32 is finite in 64 bits: one pass, no copy.
        if not np.isfinite(frames.sum(dtype=np.float64)):
            bad = rows[~np.isfinite(frames).all(axis=(1, 2))]
            raise DataError(
                f"expected finite samples but found NaN or infinity in row {bad[0]} of {self.path}; "
                "make the file again, or copy it again"
            )
        return frames

    def _read_mapped(self, rows: np.ndarray) -> np.ndarray:
        if self._bytes is None:
            with self.path.open("rb") as file:
                self._bytes = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        frames = np.empty((len(rows), *self._shape), self._dtype)
        flat = frames.view(np.uint8).reshape(len(rows), -1) if len(rows) else frames
        size = flat.shape[1]
        starts = self._places[rows // self._chunk] + rows % self._chunk * size
        for row, start in zip(flat, starts.tolist(), strict=True):
            row[:] = self._bytes[start : start + size]
        return frames

    def _read_stored(self, rows: np.ndarray) -> np.ndarray:
        if self._file is None:
            self._file = h5py.File(self.path)
        dataset = self._file[self.name]
        frames = np.empty((len(rows), *self._shape), self._dtype)
        for place, row in enumerate(rows.tolist()):
            frames[place] = dataset[row]
        return frames

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_bytes": None}


def _places(dataset: h5py.Dataset) -> tuple[int, np.ndarray | None]:
    """Frames in a chunk, and the byte in the file at which each chunk starts; None where frames do not lie so."""
    identifier = dataset.id
    if dataset.chunks is None:
        offset = identifier.get_offset()
        is_plain = offset is not None and not dataset.is_virtual and dataset.external is None
        return dataset.shape[0], np.array([offset], np.int64) if is_plain else None
    rows = dataset.chunks[0]
    is_plain = identifier.get_create_plist().get_nfilters() == 0 and dataset.chunks[1:] == dataset.shape[1:]
    if not is_plain or identifier.get_num_chunks() != -(-dataset.shape[0] // rows):
        return rows, None
    places = np.empty(identifier.get_num_chunks(), np.int64)

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        places[chunk.chunk_offset[0] // rows] = chunk.byte_offset

    identifier.chunk_iter(note)  # one pass; asking for each chunk by its number goes through the index every time
    return rows, places


@dataclass
class FrameTable:
    """Labelled frames: what they are, and a reader for the samples.

    Attributes:
        source: the file, for messages.
        classes: names of the modulations.
        mods: index into ``classes``, int16 ``[N]``.
        snrs: labels in dB, int16 ``[N]``.
        reader: of the frames ``[N, 2, L]``.
        signal: what the file says about its signals: ``sample_rate`` in Hz, and ``samples_per_symbol``, one number or
            the least and the most.
    """

    source: str
    classes: tuple[str, ...]
    mods: np.ndarray
    snrs: np.ndarray
    reader: FrameReader
    signal: dict[str, Any] = field(default_factory=dict)

    def rows_by_cell(self) -> dict[tuple[str, int], np.ndarray]:
        """(modulation, SNR) -> rows of its frames in the order of the file; cells by class, then SNR."""
        code = self.mods.astype(np.int64) * (1 << 32) + self.snrs
        order = np.argsort(code, kind="stable")
        _, starts = np.unique(code[order], return_index=True)
        cells = {}
        for rows in np.split(order, starts[1:]):
            cells[self.classes[self.mods[rows[0]]], int(self.snrs[rows[0]])] = rows
        return cells


@contextmanager
def open_hdf5(path: str | Path, names: Sequence[str] = ()) -> Iterator[h5py.File]:
    """An HDF5 file, open for reading.

    Args:
        path: the file.
        names: datasets that must be in it.

    Raises:
        DataError: if the file or a dataset is missing, or the file is cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"expected frames at {path.absolute()} but found no file; correct data_root or ann_file")
    try:
        file = h5py.File(path)
    except OSError as error:
        raise DataError(f"expected an HDF5 file but {path} cannot be read ({error}); copy it again") from error
    with file:
        for name in names:
            if not isinstance(file.get(name), h5py.Dataset):
                raise DataError(
                    f"expected datasets {', '.join(names)} in {path} but found {', '.join(sorted(file)) or 'none'}"
                )
        yield file


def open_frame_table(path: str | Path) -> FrameTable:
    """Open a file as `data_prep.amr.generate` and `tasks.amr.rml_files.convert_to_hdf5` write them.

    Raises:
        DataError: if it lacks datasets or classes, their lengths differ, a label is none of the classes, or a rate is
            no positive number.
    """
    reader = FrameReader(path)
    with open_hdf5(path, ("X", "mod", "snr")) as file:
        if "classes" not in file.attrs:
            raise DataError(f"expected the attribute 'classes' in {path} but found {sorted(file.attrs) or 'none'}")
        classes = tuple(_text(name) for name in file.attrs["classes"])
        mods, snrs = file["mod"][:], file["snr"][:]
        count = len(file["X"])
        signal = _signal(file, path)
    if mods.shape != (count,) or snrs.shape != (count,):
        raise DataError(f"expected mod and snr of {count} frames in {path} but found {mods.shape} and {snrs.shape}")
    if count and not (mods.min() >= 0 and mods.max() < len(classes)):
        raise DataError(f"expected classes 0..{len(classes) - 1} in mod of {path} but found {mods.min()}..{mods.max()}")
    return FrameTable(str(path), classes, mods.astype(np.int16), snrs.astype(np.int16), reader, signal)


def _signal(file: h5py.File, path: str | Path) -> dict[str, Any]:
    """What a file says about its signals; with several symbol rates the dataset ``sps`` tells that of each frame."""
    told = {key: file.attrs[key] for key in ("sample_rate", "samples_per_symbol") if key in file.attrs}
    if "samples_per_symbol" not in told and isinstance(file.get("sps"), h5py.Dataset):
        told["samples_per_symbol"] = file["sps"][:]
    signal = {}
    for key, values in told.items():
        try:
            least, most = float(np.min(values)), float(np.max(values))
        except (TypeError, ValueError):
            least = most = np.nan
        if not (0 < least <= most < np.inf) or (key == "sample_rate" and least != most):
            raise DataError(f"expected {key} of {path} to be positive but found {values}; correct the attribute")
        signal[key] = least if least == most else [least, most]
    return signal


def read_one_hot(dataset: h5py.Dataset, source: str) -> np.ndarray:
    """The class of each row of one-hot labels ``[N, K]``, int16 ``[N]``, read a few rows at a time.

    Raises:
        DataError: for a row that is not one 1 among zeros.
    """
    classes = np.empty(len(dataset), np.int16)
    for start in range(0, len(dataset), _ROWS_AT_ONCE):
        rows = dataset[start : start + _ROWS_AT_ONCE]
        bad = np.flatnonzero((np.count_nonzero(rows, axis=1) != 1) | (rows.sum(axis=1) != 1))
        if bad.size:
            raise DataError(
                f"expected a single 1 in each row of Y but found {rows[bad[0]]} in row {start + bad[0]} of {source}"
            )
        classes[start : start + len(rows)] = rows.argmax(axis=1)
    return classes


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
