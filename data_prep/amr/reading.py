"""Sets of frames for comparison, cell by cell: RadioML's pickles and the HDF5 layouts of `common.frame_files`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import h5py
import numpy as np

from common.errors import ConfigError, DataError
from common.frame_files import generation, open_frame_table
from common.frame_pickle import read_rml_pickle
from common.frame_reader import open_hdf5
from data_prep.amr.frames import frame_starts
from data_prep.amr.recipe import GENERATOR_VERSION, make_recipe


@dataclass(frozen=True)
class Cell:
    """Frames of one modulation and label, and what is known of them.

    Attributes:
        frames: float32 ``[F, 2, L]``.
        measured: their SNR in dB, ``[F]``, or None.
        starts: samples of the run of a frozen channel at which they begin, ``int [F]``, or None.
    """

    frames: np.ndarray
    measured: np.ndarray | None = None
    starts: np.ndarray | None = None


Cells = dict[tuple[str, int], Cell]


def read_cells(path: str | Path, most: int = 200) -> Cells:
    """At most so many frames of each (modulation, label).

    True SNRs and starts come from an HDF5 file that the generator wrote (a converted pickle does not tell the SNRs), or
    for a pickle from ``measured.npz`` in its folder (arrays ``modulations``, ``snr_label``, and ``snr_measured_db`` and
    ``window_start`` ``[modulation, label, frame]``) where that is there and has as many frames.

    Raises:
        DataError: if the file is missing, of another layout, or a pickle holds anything but arrays.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"expected a set of frames but found no file {path}")
    return _read_hdf5(path, most) if h5py.is_hdf5(path) else _read_pickle(path, most)


def _read_hdf5(path: Path, most: int) -> Cells:
    table = open_frame_table(path)
    with open_hdf5(path) as file:
        measured = file["snr_measured_db"][:] if "snr_measured_db" in file else None
        told = generation(file)
    cells = {}
    for (mod, snr), rows in table.rows_by_cell().items():
        rows = rows[:most]
        starts = _starts(told, mod, snr, len(rows))
        cells[mod, snr] = Cell(table.reader.read(rows), None if measured is None else measured[rows], starts)
    return cells


def _starts(told: tuple[int, int, dict] | None, mod: str, snr: int, count: int) -> np.ndarray | None:
    """Where the frames of a frozen channel begin, which follows from what they were generated from."""
    version, seed, fields = told or (None, None, {})
    if version != GENERATOR_VERSION or not fields.get("frozen_channel"):
        return None
    try:
        return frame_starts(make_recipe(**fields), seed, mod, snr, range(count))
    except ConfigError:  # of a generator with other fields
        return None


def _read_pickle(path: Path, most: int) -> Cells:
    content = read_rml_pickle(path)
    known = _told_beside(path)
    # The file's name says nothing about whose it is; another set's has other cells, or other numbers of frames.
    if {cell: len(told[0]) for cell, told in known.items()} != {cell: len(frames) for cell, frames in content.items()}:
        known = {}
    return {
        cell: Cell(frames[:most], *(None if told is None else told[:most] for told in known.get(cell, ())))
        for cell, frames in content.items()
    }


def _told_beside(path: Path) -> dict[tuple[str, int], tuple[np.ndarray, np.ndarray | None]]:
    """SNRs and, where they are told, starts of the frames of each cell."""
    beside = path.with_name("measured.npz")
    if not beside.is_file():
        return {}
    try:
        with np.load(beside, allow_pickle=False) as arrays:
            measured, starts = arrays["snr_measured_db"], arrays.get("window_start")
            return {
                (str(mod), int(snr)): (measured[i, j], None if starts is None else starts[i, j])
                for i, mod in enumerate(arrays["modulations"])
                for j, snr in enumerate(arrays["snr_label"])
            }
    except (KeyError, ValueError, IndexError, OSError, EOFError, BadZipFile) as error:
        raise DataError(f"expected SNRs by modulation, label and frame in {beside} but found {error}") from error
