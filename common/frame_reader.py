"""HDF5 datasets of frames, of which only the frames that are asked for are read."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from common.errors import DataError
from common.frame_checks import all_finite


class FrameReader:
    """Reads rows of an HDF5 dataset ``[N, 2, L]`` or ``[N, L, 2]`` of real numbers, or ``[N, L]`` of complex ones.

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
            self._stored_shape, self._dtype = dataset.shape[1:], dataset.dtype
            shape, kind = dataset.shape, dataset.dtype.kind
            if kind == "c" and len(shape) == 2:
                shape, kind = (*shape, 2), "f"
            if len(shape) != 3 or 2 not in shape[1:] or kind != "f":
                raise DataError(
                    f"expected float32 frames [N, 2, L] or [N, L, 2], or complex64 ones [N, L], in {name} of {path} "
                    f"but found {dataset.dtype} of shape {dataset.shape}"
                )
            self._chunk, self._places = _places(dataset)
        self._samples_first = shape[1] != 2
        self.length = shape[1] if self._samples_first else shape[2]
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
        if frames.dtype.kind == "c":
            frames = frames.view(frames.real.dtype).reshape(*frames.shape, 2)
        if self._samples_first:
            frames = frames.transpose(0, 2, 1)
        frames = np.ascontiguousarray(frames, np.float32)
        if not all_finite(frames):
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
        frames = np.empty((len(rows), *self._stored_shape), self._dtype)
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
        frames = np.empty((len(rows), *self._stored_shape), self._dtype)
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
