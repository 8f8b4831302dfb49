"""HDF5 files of labelled frames: the suite's own layout, which is written here, and that of RadioML 2018.01A.

Both have the samples in ``X``: float32 ``[N, 2, L]`` (I, Q) or ``[N, L, 2]``, or complex64 ``[N, L]``. The labels are

- in the suite's layout ``mod`` and ``snr``, in RadioML's ``Y`` and ``Z``;
- of modulations: one-hot ``[N, K]``, or of shape ``[N]`` or ``[N, 1]`` whole numbers from 0, or names;
- of SNRs: whole dB, ``[N]`` or ``[N, 1]``;
- the K names that numbers and columns stand for: the attribute ``classes`` of the file or of ``mod`` or ``Y``, or a
  dataset ``classes``. RadioML 2018.01A has none.

The suite writes X in one piece, ``mod`` and ``snr`` as int16 ``[N]``, and ``classes`` as an attribute of the file.
Attributes ``sample_rate`` (Hz) and ``samples_per_symbol`` (or a dataset ``sps`` ``[N]``) may stand in either layout.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from common.errors import DataError
from common.frame_reader import FrameReader, open_hdf5
from common.modulations import RML2018A

LAYOUTS = ("X", "mod", "snr"), ("X", "Y", "Z")
# Of one-hot labels, which are read whole: 24 int64 columns make 12 MB.
_ROWS_AT_ONCE = 1 << 16
_LARGEST_SNR = 1000  # dB; what is larger is no decibels


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
        generated: of a file of `data_prep.amr.generate`: ``frames``, equal for files whose frames of one number are
            equal, and ``frozen_channel``, the seed of the channel and noise that all of them share, or None; nothing of
            other files.
    """

    source: str
    classes: tuple[str, ...]
    mods: np.ndarray
    snrs: np.ndarray
    reader: FrameReader
    signal: dict[str, Any] = field(default_factory=dict)
    generated: dict[str, Any] = field(default_factory=dict)

    def rows_by_cell(self) -> dict[tuple[str, int], np.ndarray]:
        """(modulation, SNR) -> rows of its frames in the order of the file; cells by class, then SNR."""
        code = self.mods.astype(np.int64) * (1 << 32) + self.snrs
        order = np.argsort(code, kind="stable")
        _, starts = np.unique(code[order], return_index=True)
        cells = {}
        for rows in np.split(order, starts[1:]):
            if len(rows):
                cells[self.classes[self.mods[rows[0]]], int(self.snrs[rows[0]])] = rows
        return cells


def open_frame_table(path: str | Path, classes: Sequence[str] | None = None) -> FrameTable:
    """Open a file in one of the two layouts.

    Args:
        path: the file.
        classes: names of the classes in the order of the labels' numbers or columns, for a file that has none.

    Raises:
        DataError: if the file lacks datasets or names of classes, or has other names than ``classes``; lengths differ;
            a label is none of the classes, or no whole dB; or a rate is no positive number.
    """
    with open_hdf5(path) as file:
        mod, snr = _label_datasets(file, path)
        reader, count = FrameReader(path), len(file["X"])
        if mod.shape[:1] != (count,) or len(mod.shape) > 2 or snr.shape not in ((count,), (count, 1)):
            raise DataError(
                f"expected {mod.name[1:]} and {snr.name[1:]} of {count} frames in {path} but found {mod.shape} and "
                f"{snr.shape}"
            )
        names, mods = _read_mods(mod, _class_names(file, mod, path, classes), path)
        return FrameTable(str(path), names, mods, _read_snrs(snr, path), reader, _signal(file, path), _generated(file))


def is_rml2018a(path: str | Path) -> bool:
    """Whether a file has the layout of RadioML 2018.01A: one-hot labels of 24 classes, which it does not name.

    Raises:
        DataError: if it lacks datasets.
    """
    with open_hdf5(path) as file:
        mod, _ = _label_datasets(file, path)
        is_like = mod.name == "/Y" and mod.shape[1:] == (len(RML2018A),)
        return is_like and _class_names(file, mod, path, None) is None


def _label_datasets(file: h5py.File, path: str | Path) -> tuple[h5py.Dataset, h5py.Dataset]:
    there = {name for name in file if isinstance(file[name], h5py.Dataset)}
    # Where something is missing, the layout is that of which more is there.
    layout = max(LAYOUTS, key=lambda names: len(there & set(names)))
    if not set(layout) <= there:
        others = "" if there & {*LAYOUTS[0][1:], *LAYOUTS[1][1:]} else ", or X, Y, Z,"
        raise DataError(
            f"expected datasets {', '.join(layout)}{others} in {path} but found {', '.join(sorted(file)) or 'none'}: "
            "frames, their modulation, and their SNR in whole dB (0 where nobody knows it)"
        )
    return file[layout[1]], file[layout[2]]


def _class_names(
    file: h5py.File, mod: h5py.Dataset, path: str | Path, given: Sequence[str] | None
) -> tuple[str, ...] | None:
    """The names that a file has for its classes, else ``given``."""
    found = next((each.attrs["classes"] for each in (file, mod) if "classes" in each.attrs), None)
    if found is None and isinstance(file.get("classes"), h5py.Dataset):
        found = file["classes"][...]
    if found is None:
        names = None if given is None else tuple(given)
    else:
        names = tuple(map(_text, np.ravel(found).tolist()))
        if given is not None and tuple(given) != names:
            raise DataError(
                f"expected the classes {', '.join(names)}, as {path} names them, but found classes {', '.join(given)}; "
                "leave classes out (mods chooses among them, in any order)"
            )
    if names is not None and len(set(names)) != len(names):
        raise DataError(f"expected each class of {path} once but found {', '.join(names)}")
    return names


def _read_mods(
    labels: h5py.Dataset, names: tuple[str, ...] | None, path: str | Path
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, and the class of each frame, int16 ``[N]``."""
    what, columns = labels.name[1:], int(np.prod(labels.shape[1:]))
    is_text = h5py.check_string_dtype(labels.dtype) is not None
    if is_text and columns == 1:
        try:
            texts, numbers = np.unique(labels.asstr()[...].reshape(-1).astype(str), return_inverse=True)
        except UnicodeDecodeError as error:
            raise DataError(f"expected names in UTF-8 in {what} of {path} but found {error}") from error
        texts = texts.tolist()
        names = tuple(texts) if names is None else names
        unknown = sorted(set(texts) - set(names))
        if unknown:
            raise DataError(f"expected modulations {', '.join(names)} in {what} of {path} but found {unknown[0]!r}")
        return names, np.array([names.index(text) for text in texts], np.int16)[numbers]
    if is_text or labels.dtype.kind not in "iufb" or not columns:
        raise DataError(
            f"expected modulations as one-hot rows, whole numbers or names in {what} of {path} but found "
            f"{labels.dtype} of shape {labels.shape}"
        )
    if columns > 1:
        names = _checked_names(names, columns, labels, path)
        return names, read_one_hot(labels, str(path))
    numbers = _whole(labels, path, "classes as whole numbers")
    names = _checked_names(names, int(numbers.max(initial=0)) + 1, labels, path)
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < len(names)):
        raise DataError(
            f"expected classes 0..{len(names) - 1} in {what} of {path} but found {numbers.min()}..{numbers.max()}"
        )
    return names, numbers.astype(np.int16)


def _checked_names(
    names: tuple[str, ...] | None, count: int, labels: h5py.Dataset, path: str | Path
) -> tuple[str, ...]:
    """``names``, which must be there, one for each column of one-hot labels."""
    what = labels.name[1:]
    if names is None:
        known = ", or, for RadioML 2018.01A, type='RML2018A'" if (what, count) == ("Y", len(RML2018A)) else ""
        raise DataError(
            f"expected the names of {count} classes in {path}, in the order of {what}'s "
            f"{'columns' if labels.size > len(labels) else 'numbers'}, but found none: set every data set's "
            f"classes=[...], or write the attribute 'classes' into the file{known}"
        )
    if labels.size > len(labels) and len(names) != count:
        raise DataError(
            f"expected {what} [N, {len(names)}] for the classes {', '.join(names)} in {path} but found {labels.shape}"
        )
    return names


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
                f"expected a single 1 in each row of {dataset.name[1:]} but found {rows[bad[0]]} in row "
                f"{start + bad[0]} of {source}"
            )
        classes[start : start + len(rows)] = rows.argmax(axis=1)
    return classes


def _read_snrs(labels: h5py.Dataset, path: str | Path) -> np.ndarray:
    snrs = _whole(labels, path, "SNR labels in whole dB")
    most = int(np.abs(snrs).max(initial=0))
    if most > _LARGEST_SNR:
        raise DataError(f"expected SNR labels in dB in {labels.name[1:]} of {path} but found {most}")
    return snrs.astype(np.int16)


def _whole(labels: h5py.Dataset, path: str | Path, expected: str) -> np.ndarray:
    """The numbers of a dataset, int64 ``[N]``."""
    values = labels[...].reshape(-1)
    if values.dtype.kind not in "iuf":
        raise DataError(f"expected {expected} in {labels.name[1:]} of {path} but found {labels.dtype}")
    bad = values[~np.isfinite(values) | (values != np.rint(values))]
    if len(bad):
        raise DataError(f"expected {expected} in {labels.name[1:]} of {path} but found {bad[0]}")
    return values.astype(np.int64)


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


def record_generation(file: h5py.File, version: int, seed: int, recipe: Mapping[str, Any]) -> None:
    """Note in a file what its frames were generated from; ``recipe`` in types that JSON knows."""
    file.attrs["generator_version"], file.attrs["seed"] = version, seed
    file.attrs["recipe"] = json.dumps(dict(recipe))


def generation(file: h5py.File) -> tuple[int, int, dict[str, Any]] | None:
    """What `record_generation` noted: version, seed and recipe; None where it did not."""
    try:
        recipe = json.loads(_text(file.attrs["recipe"]))
        told = int(file.attrs["generator_version"]), int(file.attrs["seed"]), recipe
    except (KeyError, ValueError, TypeError):
        return None
    return told if isinstance(recipe, dict) and "preset" in recipe else None


def _generated(file: h5py.File) -> dict[str, Any]:
    told = generation(file)
    if told is None:
        return {}
    version, seed, recipe = told
    channel = recipe.get("channel_seed") if recipe.get("frozen_channel") else None
    # Whatever the recipe, frames of one seed have their symbols and noise in common.
    return {"frames": f"version {version}, seed {seed}", "frozen_channel": channel}


class FrameWriter:
    """Writes labelled frames into an open HDF5 file in the suite's layout, some of one cell after the other.

    Args:
        file: open for writing.
        classes: names of the modulations.
        count: frames N that will be written.
        length: samples L in a frame.
        more: name -> dtype of further datasets ``[N]``.
    """

    def __init__(
        self, file: h5py.File, classes: Sequence[str], count: int, length: int, more: Mapping[str, Any] | None = None
    ):
        self._file, self._classes, self._done = file, list(classes), 0
        # In one piece and unpacked: a frame's place in the file is then plain arithmetic.
        file.create_dataset("X", (count, 2, length), np.float32)
        for name, dtype in {"mod": np.int16, "snr": np.int16, **(more or {})}.items():
            file.create_dataset(name, (count,), dtype)
        file.attrs["classes"] = self._classes

    def check_full(self) -> None:
        """See that as many frames were written as were announced, with a ValueError if not."""
        if self._done != len(self._file["X"]):
            raise ValueError(f"expected {len(self._file['X'])} frames but {self._done} were written")

    def write(self, mod: str, snr: int, frames: np.ndarray, **more: np.ndarray) -> None:
        """Append frames ``[n, 2, L]`` of one modulation and label, and ``[n]`` each of further datasets."""
        here = slice(self._done, self._done + len(frames))
        for name, values in {"X": frames, "mod": self._classes.index(mod), "snr": snr, **more}.items():
            self._file[name][here] = values
        self._done = here.stop


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
