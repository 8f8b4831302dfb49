"""Exported networks on labelled frames of any file: classes are matched by name, whatever their order and number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from common.errors import CheckpointError, ConfigError
from common.frame_files import is_rml2018a
from common.modulations import canonical
from common.provenance import portable_path
from common.report import Cell, Table, track, write_json, write_text
from tasks.amr.datasets import RML2018A, SignalDataset
from tasks.amr.evaluation import BATCH
from tasks.amr.recogniser import SignalInfo, load_onnx
from tasks.amr.report import ALL, SnrRange
from tasks.amr.scores import Confusion, accuracy_by_class, shares

NOT_TOLD = "An ONNX file does not tell which frames it was trained on: on those its numbers are too good."


@dataclass(frozen=True)
class NamedScores:
    """What a network makes of frames whose classes need not be its own.

    Attributes:
        network: its file, as it may stand in a report.
        info: what it knows.
        length: samples of the frames that it heard.
        classes: names of the frames' classes, in the order of their file.
        names: the network's classes, then those of the frames that it does not know.
        confusion: counts over ``names``; all of the network's classes compete, and nothing is taken for an unknown one.
        signal_per_symbol: least and most samples per symbol of the frames, where their file tells.
    """

    network: str
    info: SignalInfo
    length: int
    classes: tuple[str, ...]
    names: tuple[str, ...]
    confusion: Confusion
    signal_per_symbol: tuple[float, float] | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Classes of the frames that the network does not have, which it gets wrong every time."""
        return tuple(name for name in self.classes if name not in self.info.classes)

    def by_class(self, span: SnrRange) -> dict[str, float]:
        """Percent of each class's frames that are right, from ``span.low`` to ``span.high`` dB; NaN without frames."""
        percent = accuracy_by_class(self.confusion.between(*span))
        return {name: float(percent[self.names.index(name)]) for name in self.classes}

    def mean(self, span: SnrRange, without: Sequence[str] = ()) -> float:
        """Mean of `by_class` over the classes that have frames there, less those ``without``."""
        values = [value for name, value in self.by_class(span).items() if name not in without]
        return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")

    def mostly_else(self, name: str, span: SnrRange) -> str | None:
        """What the frames of a class are most often taken for when they are not told right; None if they always are."""
        place = self.names.index(name)
        percent = np.nan_to_num(shares(self.confusion.between(*span))[place])
        percent[place] = 0
        most = int(percent.argmax())
        return f"{self.names[most]} {percent[most]:.0f}" if percent[most] else None


def open_frames(path: str | Path, part: str = "all") -> SignalDataset:
    """The frames of a file in any layout that the suite reads, with the classes that it names.

    Args:
        path: an HDF5 file, of RadioML 2018.01A too, or a RadioML pickle.
        part: 'all' frames, or 'val' or 'test' of the standard split.

    Raises:
        DataError: as `tasks.amr.datasets.SignalDataset`.
    """
    path = Path(path).absolute()
    is_hdf5 = path.is_file() and h5py.is_hdf5(path)
    kind = RML2018A if is_hdf5 and is_rml2018a(path) else SignalDataset
    return kind(ann_file=str(path), part=part)


def score_onnx(path: str | Path, dataset: SignalDataset, threads: int | None = None) -> NamedScores:
    """Let a network that `tasks.amr.export` wrote name the frames of a data set.

    Args:
        path: the ONNX file.
        dataset: the frames; of another length than the network's where its layers take them.
        threads: of onnxruntime.

    Raises:
        CheckpointError: as `tasks.amr.recogniser.load_onnx`, or if its scores are not finite.
        ConfigError: if no class of the frames is one of the network's.
    """
    length = dataset.metainfo["length"]
    network = load_onnx(path, threads, length)
    known = network.info.classes
    theirs = {canonical(name): name for name in known}
    classes = tuple(theirs.get(canonical(name), name) for name in dataset.classes)
    if not set(classes) & set(known):
        raise ConfigError(
            f"expected frames of the classes {', '.join(known)}, which {path} knows, but found {', '.join(classes)} in "
            f"{dataset.table.source}; names must be the same"
        )
    names = (*known, *(name for name in classes if name not in known))
    predictions = np.empty(len(dataset), np.int64)
    for start in track(range(0, len(dataset), BATCH), f"evaluating {network.name}", "batches"):
        places = np.arange(start, min(start + BATCH, len(dataset)))
        logits = network.logits(dataset.frames(places))
        if not np.isfinite(logits).all():
            raise CheckpointError(f"expected finite class scores but {path} gives others: its training diverged")
        predictions[places] = logits.argmax(axis=1)
    labels = np.array([names.index(name) for name in classes])[dataset.labels]
    confusion = Confusion.of(labels, predictions, dataset.snr_labels, len(names))
    told = SignalInfo.of_dict(
        {"classes": classes, "length": length, "samples_per_symbol": dataset.metainfo.get("samples_per_symbol")}
    )
    return NamedScores(portable_path(path), network.info, length, classes, names, confusion, told.samples_per_symbol)


def class_accuracy_table(scores: NamedScores, ranges: Sequence[SnrRange], leave_out: Sequence[str] = ()) -> Table:
    """A row per class of the frames, and means over classes.

    Args:
        scores: of one network.
        ranges: of SNR labels, a column each; the last one tells the errors too.
        leave_out: classes without which a second mean is taken.
    """
    spans = [ALL, *ranges]
    rows: list[list[Cell]] = []
    for name in scores.classes:
        right = [scores.by_class(span)[name] for span in spans]
        rows.append([name, *right, scores.mostly_else(name, spans[-1])])
    for title, without in _means(scores, leave_out).items():
        rows.append([title, *(scores.mean(span, without) for span in spans), None])
    title = f"{scores.network}: percent right, among all {len(scores.info.classes)} classes of the network"
    return Table(title, ["class", *map(str, spans), f"else, mostly ({spans[-1]})"], rows, digits=1)


def _means(scores: NamedScores, leave_out: Sequence[str]) -> dict[str, Sequence[str]]:
    """Title of a mean -> classes that are not in it."""
    found = {f"mean of all {len(scores.classes)}": ()}
    if scores.unknown:
        found[f"mean of the {len(scores.classes) - len(scores.unknown)} that it knows"] = scores.unknown
    if leave_out:
        found[f"mean without {', '.join(leave_out)}"] = leave_out
    return found


def notes_on(scores: NamedScores) -> list[str]:
    """What one has to know to read the numbers, in sentences."""
    own, found = scores.info.length, []
    if scores.length != own:
        found.append(
            f"It was trained on frames of {own} samples and heard {scores.length}: its input was opened to them, and "
            "they went through its layers as they are, not padded, cut or repeated."
        )
    if scores.unknown:
        found.append(
            f"It does not know {', '.join(scores.unknown)}: all of their frames count as wrong in the mean of all."
        )
    more = [name for name in scores.info.classes if name not in scores.classes]
    if more:
        found.append(f"It may also answer {', '.join(more)}, which the frames are not: that is wrong.")
    trained, here = scores.info.samples_per_symbol, scores.signal_per_symbol
    if trained and here and not trained[0] <= here[0] <= here[1] <= trained[1]:
        found.append(
            f"It was trained on {trained[0]:g} to {trained[1]:g} samples a symbol; the frames have {here[0]:g} to "
            f"{here[1]:g}."
        )
    return [*found, NOT_TOLD]


def write_onnx_evaluation(
    found: Mapping[str, NamedScores],
    out: str | Path,
    origin: Mapping[str, object],
    ranges: Sequence[SnrRange],
    leave_out: Sequence[str] = (),
) -> Path:
    """Write onnx_evaluation.json, onnx_accuracy_by_class.csv and onnx_confusion.csv.

    Args:
        found: name -> scores, all over the same frames.
        out: the folder.
        origin: what goes into the JSON about the run.
        ranges: of SNR labels.
        leave_out: see `class_accuracy_table`.

    Returns:
        The path of the JSON file.
    """
    out = Path(out)
    networks = {name: _record(scores, ranges, leave_out) for name, scores in found.items()}
    write_json(out / "onnx_evaluation.json", {"networks": networks, "provenance": origin})
    by_class: list[list[Cell]] = []
    confusion: list[list[Cell]] = []
    for network, scores in found.items():
        for snr, counts in zip(scores.confusion.snrs, scores.confusion.counts, strict=True):
            percent = accuracy_by_class(counts)
            places = [scores.names.index(name) for name in scores.classes]
            by_class += [
                [network, scores.names[place], snr, int(counts[place].sum()), float(percent[place])] for place in places
            ]
            confusion += [
                [network, snr, scores.names[true], scores.names[guess], int(counts[true, guess])]
                for true, guess in np.argwhere(counts)
            ]
    for name, columns, rows in (
        ("onnx_accuracy_by_class", ["network", "class", "snr", "frames", "accuracy"], by_class),
        ("onnx_confusion", ["network", "snr", "true", "predicted", "frames"], confusion),
    ):
        write_text(out / f"{name}.csv", Table("", columns, rows).csv())
    return out / "onnx_evaluation.json"


def _record(scores: NamedScores, ranges: Sequence[SnrRange], leave_out: Sequence[str]) -> dict[str, object]:
    spans = [ALL, *ranges]
    return {
        "file": scores.network,
        "signal": scores.info.as_dict(),
        "heard_length": scores.length,
        "unknown_classes": scores.unknown,
        "frames": int(scores.confusion.counts.sum()),
        "accuracy_by_class": {
            name: {str(span): scores.by_class(span)[name] for span in spans} for name in scores.classes
        },
        "means": {
            title: {str(span): scores.mean(span, without) for span in spans}
            for title, without in _means(scores, leave_out).items()
        },
        "notes": notes_on(scores),
    }
