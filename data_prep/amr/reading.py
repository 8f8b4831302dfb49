"""Reads sets of frames for comparison: RadioML's pickle layout and the HDF5 layout of `data_prep.amr.output`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from common.errors import DataError
from common.frame_pickle import read_rml_pickle


@dataclass(frozen=True)
class Cell:
    """Frames ``float32 [F, 2, L]`` of one modulation and label, and their SNR in dB ``[F]`` where that is known."""

    frames: np.ndarray
    measured: np.ndarray | None


def read_cells(path: str | Path, most: int = 200) -> dict[tuple[str, int], Cell]:
    """At most so many frames of each (modulation, label).

    The true SNR comes from the HDF5 file if it tells (a converted pickle does not), or for a pickle from
    ``measured.npz`` in its folder (arrays ``modulations``, ``snr_label`` and ``snr_measured_db [modulation, label,
    frame]``) where that is there.

    Raises:
        DataError: if the file is missing, of another layout, or a pickle holds anything but arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"expected a set of frames but found no file {path}")
    try:
        return _read_hdf5(path, most) if h5py.is_hdf5(path) else _read_pickle(path, most)
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        EOFError,
        OSError,
    ) as error:
        raise DataError(
            f"expected (mod, snr) -> frames as a pickle, or this suite's HDF5 layout, but found {error} in {path}"
        ) from error


def _read_hdf5(path: Path, most: int) -> dict[tuple[str, int], Cell]:
    cells = {}
    with h5py.File(path) as file:
        mods, snrs = file["mod"][:], file["snr"][:]
        measured = file["snr_measured_db"][:] if "snr_measured_db" in file else None
        for index, mod in enumerate(file.attrs["classes"]):
            for snr in np.unique(snrs[mods == index]):
                rows = np.flatnonzero((mods == index) & (snrs == snr))[:most]
                cells[str(mod), int(snr)] = Cell(file["X"][rows], None if measured is None else measured[rows])
    return cells


def _read_pickle(path: Path, most: int) -> dict[tuple[str, int], Cell]:
    content = read_rml_pickle(path)
    known = _measured_beside(path)
    # The file's name says nothing about whose it is; another set's has other cells, or other numbers of frames.
    if {cell: len(snrs) for cell, snrs in known.items()} != {cell: len(frames) for cell, frames in content.items()}:
        known = {}
    cells = {}
    for (mod, snr), frames in content.items():
        measured = known.get((mod, int(snr)))
        cells[mod, int(snr)] = Cell(frames[:most], None if measured is None else measured[:most])
    return cells


def _measured_beside(path: Path) -> dict[tuple[str, int], np.ndarray]:
    beside = path.with_name("measured.npz")
    if not beside.is_file():
        return {}
    with np.load(beside, allow_pickle=False) as arrays:
        measured = arrays["snr_measured_db"]
        return {
            (str(mod), int(snr)): measured[i, j]
            for i, mod in enumerate(arrays["modulations"])
            for j, snr in enumerate(arrays["snr_label"])
        }
