"""Frames of known modulation as datasets: RadioML 2016.10A, 2016.10B, RML22, 2018.01A, and generated ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from logging import WARNING
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from common.errors import ConfigError, DataError, did_you_mean
from common.sample_batch import LoadedTogether
from tasks.amr.frame_files import FrameReader, FrameTable, open_frame_table, open_hdf5, read_one_hot
from tasks.amr.rml_files import CACHE, converted
from tasks.amr.splits import DEFAULT, PARTS, build_split

HDF5_SUFFIXES = (".h5", ".hdf5")
RML2016A_CLASSES = ("8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM")
RML2016B_CLASSES = tuple(name for name in RML2016A_CLASSES if name != "AM-SSB")
# What the columns of Y mean. The order in classes.txt, which comes with the set, is another, and wrong.
RML2018A_CLASSES = (
    *("OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK"),
    *("16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC"),
    *("FM", "GMSK", "OQPSK"),
)
CONSTANT_ENVELOPE = ("FM", "GMSK")
# Noise alone unsteadies an envelope by 0.22 at 10 dB; below, it hides what phase modulations lack in steadiness.
STEADY_FROM = 10
NO_VALIDATION = "--cfg-options val_dataloader=None val_cfg=None val_evaluator=None"


@DATASETS.register_module()
class SignalDataset(Dataset):
    """Labelled IQ frames of an HDF5 file or RadioML pickle, of any classes; read one by one as they are needed.

    A pickle is converted once, into the folder ``cache``; see `tasks.amr.rml_files`.

    Each sample is a dict of

    - ``inputs``: float32 ``[2, L]``, I in row 0 and Q in row 1, as stored;
    - ``data_samples``: as `common.classification.model.class_sample` makes it, with ``gt_label`` (int64, index into
      ``metainfo['classes']``), ``gt_index`` (int64, position in this dataset) and beside them ``gt_snr`` (float32, the
      label in dB), each a tensor without dimensions.

    A frame costs microseconds to read: data loaders are fastest without workers, and with
    ``collate_fn=dict(type='join_samples')``, which keeps together what is read together.

    ``metainfo`` has plain values alone and goes into checkpoints: ``classes``, ``snrs``, ``length``, ``split`` (see
    `tasks.amr.splits.Split.as_dict`) and, where the file says so or the set is known for it, ``sample_rate`` in Hz and
    ``samples_per_symbol`` (one number, or the least and the most).

    Args:
        data_root: folder of the file.
        ann_file: the file, relative to ``data_root`` or absolute: .h5, .hdf5, or a RadioML pickle of any other name.
        part: 'train', 'val', 'test', or 'all' for every frame.
        split: how the file is divided: see `tasks.amr.splits.build_split`.
        mods: names of the classes to take, numbered in this order; by default all, in the file's order.
        snrs: labels to take, in dB; by default all.
        frames_per_cell: at most so many frames of each (modulation, SNR) in this part.
        in_memory: read the chosen frames once, at the start.
        cache: folder for the HDF5 form of pickles, relative to the working directory or absolute.

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
        part: str = "train",
        split: str | Mapping[str, Any] = DEFAULT,
        mods: Sequence[str] | None = None,
        snrs: Sequence[int] | None = None,
        frames_per_cell: int | None = None,
        in_memory: bool = False,
        cache: str = CACHE,
    ):
        named = ann_file or self.ann_file
        if not named:
            raise ConfigError(f"expected ann_file, the file of frames, for {type(self).__name__} but found none")
        if part not in (*PARTS, "all"):
            raise ConfigError(f"expected part {', '.join(map(repr, (*PARTS, 'all')))} but found {part!r}")
        if frames_per_cell is not None and frames_per_cell < 1:
            raise ConfigError(f"expected frames_per_cell of 1 or more but found {frames_per_cell}")
        self.part = part
        self.cache = cache
        path = Path(data_root) / named
        packed = path.with_name(self.archive) if self.archive else path
        self.table = self._open(packed if packed.is_file() and not path.is_file() else path)
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

    def _open(self, path: Path) -> FrameTable:
        table = open_frame_table(path if path.suffix in HDF5_SUFFIXES else converted(path, self.cache))
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
            "split": self.split.as_dict(),
            **self.published_signal,
            **self.table.signal,
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all frames, in order, for `common.cache`; all are read, about 130 MB in a second."""
        digest = hashlib.sha256()
        for start in range(0, len(self), 4096):
            digest.update(self.frames(np.arange(start, min(start + 4096, len(self)))))
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
    expected_classes = RML2016A_CLASSES
    published_signal = MappingProxyType({"sample_rate": 200e3, "samples_per_symbol": 8.0})  # generate_RML2016.10a.py


@DATASETS.register_module()
class RML2016B(SignalDataset):
    """RadioML 2016.10B: 10 classes (no AM-SSB), 20 SNR labels -20..18 dB, 6000 frames of 128 samples each.

    Arguments and errors as `RML2016A`.
    """

    ann_file = "RML2016.10b.dat"
    expected_classes = RML2016B_CLASSES


@DATASETS.register_module()
class RML22(SignalDataset):
    """RML22, the corrected 2016.10A: 10 classes, 21 SNR labels -20..20 dB, 2000 frames of 128 samples each.

    Arguments and errors as `RML2016A`; ``ann_file`` must be given.
    """

    expected_classes = RML2016B_CLASSES
    # The notebook that made it: 2 samples in a symbol of 66.67 us.
    published_signal = MappingProxyType({"sample_rate": 30e3, "samples_per_symbol": 2.0})


@DATASETS.register_module()
class RML2018A(SignalDataset):
    """RadioML 2018.01A: 24 classes, 26 SNR labels -20..30 dB, 4096 frames of 1024 samples each; 20 GB, read lazily.

    The file's columns have the order of `RML2018A_CLASSES`. At the start it is checked that the two classes of constant
    envelope in it are those that are called so: FM and GMSK (see `check_constant_envelopes`).

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

    def __init__(
        self,
        data_root: str = "",
        ann_file: str = "",
        class_file: str | None = None,
        check_class_order: bool = True,
        **options: Any,
    ):
        self.class_file = None if class_file is None else Path(data_root) / class_file
        self.check_class_order = check_class_order
        super().__init__(data_root, ann_file, **options)

    def _open(self, path: Path) -> FrameTable:
        classes = RML2018A_CLASSES if self.class_file is None else _read_classes(self.class_file)
        reader = FrameReader(path)
        with open_hdf5(path, ("X", "Y", "Z")) as file:
            shapes = [file[name].shape for name in "XYZ"]
            count = shapes[0][0]
            if shapes[1] != (count, len(classes)) or shapes[2] not in ((count, 1), (count,)):
                raise DataError(
                    f"expected X [N, 1024, 2], Y [N, {len(classes)}] and Z [N, 1] in {path} but found "
                    f"{', '.join(map(str, shapes))}"
                )
            mods, snrs = read_one_hot(file["Y"], str(path)), file["Z"][:].reshape(-1).astype(np.int16)
        table = FrameTable(str(path), classes, mods, snrs, reader)
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
    if sorted(names) != sorted(RML2018A_CLASSES):
        differing = sorted(set(names) ^ set(RML2018A_CLASSES)) or ["names that stand there twice"]
        raise DataError(f"expected the 24 classes of RadioML 2018.01A in {path} but found other {', '.join(differing)}")
    return tuple(names)


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
