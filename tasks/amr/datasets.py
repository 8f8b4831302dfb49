"""Frames of known modulation as datasets: RadioML 2016.10A, 2016.10B, RML22, 2018.01A, and generated ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from logging import WARNING
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from common import modulations
from common.atomic import atomic_write
from common.errors import ConfigError, DataError, did_you_mean
from common.frame_files import FrameTable, open_frame_table
from common.sample_batch import LoadedTogether
from tasks.amr.rml_files import CACHE, converted
from tasks.amr.splits import DEFAULT, PARTS, build_split

HDF5_SUFFIXES = (".h5", ".hdf5")
CONSTANT_ENVELOPE = ("FM", "GMSK")
# Noise alone unsteadies an envelope by 0.22 at 10 dB; below, it hides what phase modulations lack in steadiness.
STEADY_FROM = 10
NO_VALIDATION = "--cfg-options val_dataloader=None val_cfg=None val_evaluator=None"


@DATASETS.register_module()
class SignalDataset(Dataset):
    """Labelled IQ frames of an HDF5 file or RadioML pickle, of any classes; read one by one as they are needed.

    HDF5 files have one of the layouts of `common.frame_files`. A pickle is a dict from (modulation, SNR in whole dB) to
    frames ``[n, 2, L]``; it is converted once, into the folder ``cache``, see `tasks.amr.rml_files`.

    Each sample is a dict of

    - ``inputs``: float32 ``[2, L]``, I in row 0 and Q in row 1, as stored;
    - ``data_samples``: as `common.classification.model.class_sample` makes it, with ``gt_label`` (int64, index into
      ``metainfo['classes']``), ``gt_index`` (int64, position in this dataset) and beside them ``gt_snr`` (float32, the
      label in dB), each a tensor without dimensions.

    A frame costs microseconds to read: data loaders are fastest without workers, and with
    ``collate_fn=dict(type='join_samples')``, which keeps together what is read together.

    ``metainfo`` has plain values alone and goes into checkpoints: ``classes``, ``snrs``, ``length``, ``part``,
    ``split`` (see `tasks.amr.splits.Split.as_dict`) and, where the file says so or the set is known for it,
    ``sample_rate`` in Hz, ``samples_per_symbol`` (one number, or the least and the most), and ``generated`` (see
    `common.frame_files.FrameTable`).

    Args:
        data_root: folder of the file; or the file itself, without ``ann_file``.
        ann_file: the file, relative to ``data_root`` or absolute; what is no HDF5 is taken for a RadioML pickle.
        part: 'train', 'val', 'test', or 'all' for every frame; must be given.
        split: how the file is divided: see `tasks.amr.splits.build_split`.
        classes: names of the classes in the order of the labels, for an HDF5 file that does not name them.
        mods: names of the classes to take, numbered in this order; by default all, in the file's order.
        snrs: labels to take, in dB; by default all.
        frames_per_cell: at most so many frames of each (modulation, SNR) in this part.
        in_memory: read the chosen frames once, at the start.
        cache: folder for the HDF5 form of pickles and for fingerprints, relative to the working directory or absolute.

    Raises:
        ConfigError: for an unknown part, class or split, or a part that the split does not have.
        DataError: if the file is missing or damaged, or no frame of it is chosen.
    """

    deterministic = True  # see `common.sampling.SeededDataset`
    ann_file = ""
    archive = ""  # what is taken where there is no ``ann_file`` beside it
    expected_classes: tuple[str, ...] | None = None
    published_signal: Mapping[str, float] = MappingProxyType({})  # for a file that says nothing of its rates

    def __init__(
        self,
        data_root: str = "",
        ann_file: str = "",
        part: str | None = None,
        split: str | Mapping[str, Any] = DEFAULT,
        classes: Sequence[str] | None = None,
        mods: Sequence[str] | None = None,
        snrs: Sequence[int] | None = None,
        frames_per_cell: int | None = None,
        in_memory: bool = False,
        cache: str = CACHE,
    ):
        _check_part(type(self).__name__, part)
        for key, values in {"classes": classes, "mods": mods, "snrs": snrs}.items():
            if isinstance(values, str) or not isinstance(values, Sequence | None):
                raise ConfigError(f"expected a list for {key} of {type(self).__name__} but found {values!r}")
        if frames_per_cell is not None and frames_per_cell < 1:
            raise ConfigError(f"expected frames_per_cell of 1 or more but found {frames_per_cell}")
        self.part, self.cache = part, cache
        self.table = self._open(self._path(Path(data_root), ann_file), classes)
        cells = self.table.rows_by_cell()
        self.split = build_split(split, {cell: len(rows) for cell, rows in cells.items()}, self.table.source)
        self.classes = _chosen_classes(self.table, mods)
        self.snrs = _chosen_snrs(self.table, snrs)
        self.rows = self._choose(cells, frames_per_cell)
        numbers = np.full(len(self.table.classes), -1)
        numbers[[self.table.classes.index(name) for name in self.classes]] = np.arange(len(self.classes))
        self.labels = numbers[self.table.mods[self.rows]]
        self.snr_labels = self.table.snrs[self.rows].astype(np.float32)
        self._stored = self.table.reader.read(self.rows) if in_memory else None

    def _path(self, root: Path, ann_file: str) -> Path:
        named = ann_file or self.ann_file
        if not ann_file and (root.is_file() or (root.name and not named)):
            return root
        if not named:
            raise ConfigError(f"expected ann_file, the file of frames, for {type(self).__name__} but found none")
        path = root / named
        packed = path.with_name(self.archive) if self.archive else path
        return packed if packed.is_file() and not path.is_file() else path

    def _open(self, path: Path, classes: Sequence[str] | None) -> FrameTable:
        is_hdf5 = path.suffix in HDF5_SUFFIXES or (path.is_file() and h5py.is_hdf5(path))
        table = open_frame_table(path if is_hdf5 else converted(path, self.cache), classes)
        expected = self.expected_classes
        if expected is not None and set(table.classes) != set(expected):
            raise DataError(
                f"expected the {len(expected)} classes {', '.join(expected)} in {path} but found "
                f"{len(table.classes)}: {', '.join(table.classes)}; other sets are a SignalDataset"
            )
        return table

    def _choose(self, cells: Mapping[tuple[str, int], np.ndarray], most: int | None) -> np.ndarray:
        if self.part not in ("all", *self.split.parts):
            raise ConfigError(
                f"expected a split with frames in part {self.part!r} but {self.split.name!r} divides "
                f"{self.table.source} into {' and '.join(self.split.parts)} alone; name another split, such as "
                f"{DEFAULT!r}" + (f", or train without validation ({NO_VALIDATION})" if self.part == "val" else "")
            )
        chosen = []
        for (mod, snr), rows in cells.items():
            if mod in self.classes and snr in self.snrs:
                numbers = np.arange(len(rows)) if self.part == "all" else self.split.frames(self.part, mod, snr)
                chosen.append(rows[numbers[:most]])
        rows = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
        if not rows.size:
            sizes = sorted({len(rows) for rows in cells.values()})
            raise DataError(
                f"expected frames in part {self.part!r} of {self.table.source} but found none: its cells have "
                f"{sizes} frames, split {self.split.name}, frames_per_cell {most}"
            )
        return rows

    @property
    def metainfo(self) -> dict[str, Any]:
        """What the dataset is, in plain values: see the class."""
        return {
            "classes": self.classes,
            "snrs": list(self.snrs),
            "length": self.table.reader.length,
            "part": self.part,
            "split": self.split.as_dict(),
            **self.published_signal,
            **self.table.signal,
            **({"generated": self.table.generated} if self.table.generated else {}),
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all frames, in order, for `common.cache`.

        All are read for it, so it is kept in the folder ``cache`` until the file changes in size or time.
        """
        file = self.table.reader.path
        told = file.stat()
        state = f"{file.resolve()} {told.st_size} {told.st_mtime_ns} ".encode() + self.rows.astype("<i8").tobytes()
        kept = Path(self.cache) / f"fingerprint_{hashlib.sha256(state).hexdigest()[:20]}"
        if kept.is_file():
            return kept.read_text(encoding="ascii")
        digest = hashlib.sha256()
        print_log(f"reading all {len(self)} frames of {file.name} for their fingerprint, once", "current")
        for start in range(0, len(self), 4096):
            digest.update(self.frames(np.arange(start, min(start + 4096, len(self)))))
        with suppress(OSError), atomic_write(kept, "w") as out:  # a folder that can't be written to costs time alone
            out.write(digest.hexdigest())
        return digest.hexdigest()

    def full_init(self) -> None:
        """Nothing is left to be done; the engine asks for it."""

    def __len__(self) -> int:
        return len(self.rows)

    def frames(self, positions: np.ndarray | Sequence[int] | None = None) -> np.ndarray:
        """Frames at positions of this dataset (by default all), float32 ``[n, 2, L]``.

        Raises:
            DataError: if one of them has samples that are not finite.
        """
        positions = np.arange(len(self)) if positions is None else np.asarray(positions, np.int64)
        return self.table.reader.read(self.rows[positions]) if self._stored is None else self._stored[positions]

    def __getitem__(self, position: int) -> dict[str, Any]:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> LoadedTogether:
        """The samples at ``positions``, read together."""
        positions = np.asarray(positions, np.int64)
        return LoadedTogether(
            torch.from_numpy(self.frames(positions)),
            gt_label=torch.from_numpy(self.labels[positions]),
            gt_index=torch.from_numpy(positions),
            gt_snr=torch.from_numpy(self.snr_labels[positions]),
        )


@DATASETS.register_module()
class RML2016A(SignalDataset):
    """RadioML 2016.10A: 11 classes, 20 SNR labels -20..18 dB, 1000 frames of 128 samples each.

    The labels are not the SNR, and AM-SSB is noise alone: see the task's README. Arguments as `SignalDataset`;
    the published archive RML2016.10a.tar.bz2 is read where there is no ``ann_file`` beside it.

    Raises:
        DataError: as `SignalDataset`, or for other classes.
    """

    ann_file = "RML2016.10a_dict.pkl"
    archive = "RML2016.10a.tar.bz2"
    expected_classes = modulations.RML2016A
    published_signal = MappingProxyType({"sample_rate": 200e3, "samples_per_symbol": 8.0})  # generate_RML2016.10a.py


@DATASETS.register_module()
class RML2016B(SignalDataset):
    """RadioML 2016.10B: 10 classes (no AM-SSB), 20 SNR labels -20..18 dB, 6000 frames of 128 samples each.

    Arguments and errors as `RML2016A`.
    """

    ann_file = "RML2016.10b.dat"
    expected_classes = modulations.RML2016B


@DATASETS.register_module()
class RML22(SignalDataset):
    """RML22, the corrected 2016.10A: 10 classes, 21 SNR labels -20..20 dB, 2000 frames of 128 samples each.

    Arguments and errors as `RML2016A`; ``ann_file`` must be given.
    """

    expected_classes = modulations.RML2016B
    # The notebook that made it: 2 samples in a symbol of 66.67 us.
    published_signal = MappingProxyType({"sample_rate": 30e3, "samples_per_symbol": 2.0})


@DATASETS.register_module()
class RML2018A(SignalDataset):
    """RadioML 2018.01A: 24 classes, 26 SNR labels -20..30 dB, 4096 frames of 1024 samples each; 20 GB, read lazily.

    The file's columns have the order of `common.modulations.RML2018A`. At the start it is checked that the two classes
    of constant envelope in it are those that are called so: FM and GMSK (see `check_constant_envelopes`).

    Args:
        data_root: folder of the file.
        ann_file: the HDF5 file.
        class_file: another list of classes, in the order of Y's columns, one a line or as a JSON list or dict; it must
            pass the check. The classes.txt that comes with the set does not.
        check_class_order: make that check.
        options: see `SignalDataset`.

    Raises:
        DataError: as `SignalDataset`, or for other classes, or classes in the wrong order.
    """

    ann_file = "GOLD_XYZ_OSC.0001_1024.hdf5"
    expected_classes = modulations.RML2018A

    def __init__(
        self,
        data_root: str = "",
        ann_file: str = "",
        class_file: str | None = None,
        check_class_order: bool = True,
        **options: Any,
    ):
        self.check_class_order = check_class_order
        named = modulations.RML2018A if class_file is None else _read_classes(Path(data_root) / class_file)
        super().__init__(data_root, ann_file, **{"classes": named, **options})

    def _open(self, path: Path, classes: Sequence[str] | None) -> FrameTable:
        table = super()._open(path, classes)
        if self.check_class_order:
            check_constant_envelopes(table)
        return table


def check_constant_envelopes(table: FrameTable, frames: int = 32) -> None:
    r"""Refuse classes in an order in which FM and GMSK are not of the steadiest envelope.

    The measure is :math:`\mathrm{std}|x| / \mathrm{mean}|x|` over a frame, its median over frames, at the highest SNR
    that most of the two have. A file without them, with nothing beside them, or without frames from `STEADY_FROM` dB on
    can't be checked, which the log says.

    Args:
        table: frames whose classes are in question.
        frames: how many to look at in each class.

    Raises:
        DataError: that names the classes found instead.
    """
    cells = table.rows_by_cell()
    steady = {snr: [mod for mod in CONSTANT_ENVELOPE if (mod, snr) in cells] for _, snr in cells if snr >= STEADY_FROM}
    highest = max(steady, key=lambda snr: (len(steady[snr]), snr), default=None)
    there = [mod for mod in table.classes if (mod, highest) in cells]
    if not steady.get(highest) or len(there) == len(steady[highest]):
        why = "neither FM nor GMSK beside other classes" if steady else f"no frames from {STEADY_FROM} dB on"
        print_log(f"the order of the classes in {table.source} was not checked: it has {why}", "current", WARNING)
        return
    steadiness = {}
    for mod in there:
        envelope = np.hypot(*table.reader.read(cells[mod, highest][:frames]).astype(np.float64).transpose(1, 0, 2))
        steadiness[mod] = float(np.median(envelope.std(1) / np.maximum(envelope.mean(1), np.finfo(float).tiny)))
    found = sorted(steadiness, key=steadiness.get)[: len(steady[highest])]
    if set(found) != set(steady[highest]):
        raise DataError(
            f"expected {' and '.join(steady[highest])} to have the steadiest envelopes at {highest} dB in "
            f"{table.source} but found {' and '.join(found)}: the classes are in the wrong order, as in the "
            "classes.txt of the set; leave class_file out to use the correct order (or set check_class_order=False for "
            "another kind of file)"
        )


def _read_classes(path: Path) -> tuple[str, ...]:
    """Names in a text, JSON or Python list, whatever stands between them."""
    if not path.is_file():
        raise DataError(f"expected a list of classes at {path.absolute()} but found none; correct class_file")
    names = re.findall(r"[0-9]*[A-Z][A-Z-]*", path.read_text(encoding="utf-8-sig"))
    if sorted(names) != sorted(modulations.RML2018A):
        differing = sorted(set(names) ^ set(modulations.RML2018A)) or ["names that stand there twice"]
        raise DataError(f"expected the 24 classes of RadioML 2018.01A in {path} but found other {', '.join(differing)}")
    return tuple(names)


def _check_part(kind: str, part: str | None) -> None:
    parts = (*PARTS, "all")
    if part is None:
        raise ConfigError(
            f"expected part='train', 'val', 'test' or 'all' for {kind} but found none: write which part of the split "
            "the loader takes"
        )
    if part not in parts:
        found = f"{part!r}{did_you_mean(str(part), parts)}"
        raise ConfigError(f"expected part {', '.join(map(repr, parts))} but found {found}")


def _chosen_classes(table: FrameTable, mods: Sequence[str] | None) -> tuple[str, ...]:
    if mods is None:
        return table.classes
    for name in mods:
        if name not in table.classes:
            raise ConfigError(
                f"expected mods among {', '.join(table.classes)} but found {name!r}{did_you_mean(name, table.classes)}"
            )
    if not mods or len(set(mods)) != len(mods):
        raise ConfigError(f"expected one or more mods, each once, but found {tuple(mods)}")
    return tuple(mods)


def _chosen_snrs(table: FrameTable, snrs: Sequence[int] | None) -> tuple[int, ...]:
    there = np.unique(table.snrs).tolist()
    missing = [snr for snr in snrs or () if snr not in there]
    if missing or (snrs is not None and not snrs):
        found = f"no frames at {missing[0]} dB" if missing else "an empty list"
        raise DataError(f"expected snrs among {there} dB, as in {table.source}, but found {found}")
    return tuple(there) if snrs is None else tuple(sorted({int(snr) for snr in snrs}))
