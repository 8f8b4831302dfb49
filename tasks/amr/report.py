"""Tables, pictures and the page of an evaluation of networks for modulation recognition."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.heatmap import heatmaps
from common.report import (
    Cell,
    Picture,
    Section,
    Table,
    gain_cell,
    line_plot,
    mean_and_spread,
    origin_section,
    write_html,
    write_json,
    write_text,
)
from tasks.amr.evaluation import Arm, Evaluation, Run
from tasks.amr.leakage import LEVEL, LOW_SNR, MARGIN
from tasks.amr.scores import accuracy, accuracy_by_class, chance, confused_pairs, shares

SUMMARY = {
    "accuracy": "accuracy",
    "peak": "peak",
    "accuracy_below_0dB": "below 0 dB",
    "accuracy_from_0dB": "from 0 dB",
    "macro_f1": "macro F1",
}
NO_PROOF = (
    f"A one-sided binomial test against chance and {MARGIN:g} point more; an alarm below p = {LEVEL:g}. No sign of "
    "leakage is no proof that nothing leaks: what test and training frames share need not help this network."
)
CALIBRATION = ("ece", "nll", "temperature", "ece_scaled", "nll_scaled")


class SnrRange(NamedTuple):
    """Labels from ``low`` to ``high`` dB, both included."""

    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:g} dB"
        if math.isinf(self.low):
            return f"up to {self.high:g} dB" if math.isfinite(self.high) else "all SNRs"
        return f"{self.low:g} to {self.high:g} dB" if math.isfinite(self.high) else f"from {self.low:g} dB"


ALL = SnrRange(-math.inf, math.inf)
EDGES = (-10, 0, 10)


def default_ranges(snrs: Sequence[float]) -> list[SnrRange]:
    """Ranges below -10 dB, to 0, to 10 and from there on, each from the first to the last of the labels ``snrs`` in it.

    >>> [str(span) for span in default_ranges(range(-20, 20, 2))]
    ['up to -12 dB', '-10 to -2 dB', '0 to 8 dB', 'from 10 dB']
    """
    found = []
    for low, high in itertools.pairwise((-math.inf, *EDGES, math.inf)):
        there = [snr for snr in snrs if low <= snr < high]
        if there:
            first, last = min(there), max(there)
            found.append(SnrRange(low if math.isinf(low) else first, high if math.isinf(high) else last))
    return found


def summary_table(found: Evaluation) -> Table:
    """A row per arm: scores in percent, mean ± standard deviation over its checkpoints."""
    rows = []
    for name, arm in found.arms.items():
        peaks = sorted({f"{snr:g}" for snr in arm.values("peak_snr")}, key=float)
        cells = [mean_and_spread(arm.values(score)) for score in SUMMARY]
        rows.append([name, *cells[:2], ", ".join(peaks), *cells[2:], len(arm.runs)])
    titles = list(SUMMARY.values())
    columns = ["network", *titles[:2], "at dB", *titles[2:], "seeds"]
    return Table(f"Scores over {found.frames} frames (percent)", columns, rows)


def gains_table(found: Evaluation, baseline: str) -> Table:
    """Differences of means to the arm ``baseline``, and what the spread over seeds lets one say of them."""
    rows = []
    for name, arm in found.arms.items():
        if name != baseline:
            rows.append([name, *(gain_cell(arm.values(key), found.arms[baseline].values(key)) for key in SUMMARY)])
    title = f"Against {baseline}, difference of means in points (a gain within the seeds' spread is no gain)"
    return Table(title, ["network", *SUMMARY.values()], rows)


def snr_table(found: Evaluation) -> Table:
    """A row per SNR: accuracy in percent, mean ± standard deviation, and what chance gives."""
    rows = []
    counts = next(iter(found.arms.values())).confusion.counts
    for place, snr in enumerate(found.snrs):
        cells = [mean_and_spread(arm.accuracy_by_snr[:, place]) for arm in found.arms.values()]
        rows.append([f"{snr:g}", *cells, chance(counts[place])])
    return Table("Accuracy by SNR (percent)", ["dB", *found.arms, "chance"], rows)


def class_table(found: Evaluation) -> Table:
    """A row per class: how many percent of its frames are right, over all SNRs."""
    runs = {name: [accuracy_by_class(run.confusion.between()) for run in arm.runs] for name, arm in found.arms.items()}
    rows = [
        [label, *(mean_and_spread([each[place] for each in values]) for values in runs.values())]
        for place, label in enumerate(found.classes)
    ]
    return Table("Accuracy by class (percent)", ["class", *found.arms], rows)


def pairs_table(name: str, arm: Arm, classes: Sequence[str], ranges: Sequence[SnrRange]) -> Table:
    """The pairs that an arm confuses most, overall and in ranges of SNR; counts of all checkpoints together."""
    rows: list[list[Cell]] = []
    for span in (ALL, *ranges):
        for pair in confused_pairs(arm.confusion.between(*span), classes):
            rows.append([str(span), *pair])
    columns = ["SNR", "class A", "class B", "A taken for B (percent)", "B taken for A (percent)"]
    return Table(f"{name}: most confused pairs", columns, rows)


def cost_table(found: Evaluation) -> Table:
    """A row per arm: size, work for a frame, and time on the CPU."""
    batches = list(next(iter(found.arms.values())).cost.latency)
    rows = []
    for name, arm in found.arms.items():
        cost = arm.cost
        times = [f"{value:.3g}" for batch in batches for value in cost.latency[batch]]
        rows.append([name, cost.parameters, f"{cost.macs / 1e6:.3f}", f"{cost.bytes / 1024:.1f}", *times])
    columns = ["network", "params", "M MACs", "KiB"]
    columns += [f"{quantile}, batch {batch}" for batch in batches for quantile in ("p50", "p95")]
    how = f"one frame's MACs, KiB of weights; ms for a batch on the CPU, {found.threads} thread"
    return Table(f"Cost ({how}{'s' if found.threads > 1 else ''})", columns, rows)


def calibration_table(found: Evaluation) -> Table:
    """A row per arm: calibration error and likelihood, and what a temperature makes of them."""
    rows = [[name, *(mean_and_spread(arm.values(key)) for key in CALIBRATION)] for name, arm in found.arms.items()]
    columns = ["network", "ECE (percent)", "NLL (nats)", "temperature", "ECE after", "NLL after"]
    return Table("Calibration, and after division of the logits by a temperature", columns, rows)


def leakage_table(found: Evaluation) -> Table:
    """A row per checkpoint: the test of its accuracy at the lowest SNRs."""
    rows: list[list[Cell]] = []
    for name, number, run in _runs(found):
        check = run.low_snr
        if check is None:
            rows.append([name, number, *[None] * 4, "not tested: no frames at such SNRs"])
            continue
        says = "clearly above chance" if check.is_suspicious else "no sign of leakage"
        rows.append([name, number, check.frames, check.accuracy, check.chance, f"{check.p_value:.2g}", says])
    columns = ["network", "run", "frames", "accuracy", "chance", "p", ""]
    return Table(f"Accuracy at {LOW_SNR:g} dB and lower (percent)", columns, rows)


def _runs(found: Evaluation) -> list[tuple[str, int, Run]]:
    """Every checkpoint with its arm's name and its number there, from 1."""
    return [(name, number, run) for name, arm in found.arms.items() for number, run in enumerate(arm.runs, start=1)]


def write_evaluation(
    found: Evaluation,
    out: str | Path,
    origin: Mapping[str, object],
    baseline: str,
    ranges: Sequence[SnrRange] | None = None,
) -> Path:
    """Write evaluation.json, CSV files, pictures (PNG), and index.html with all of them.

    Args:
        found: the arms, all over the same frames.
        out: the folder.
        origin: what goes into the JSON and the page's foot about the run; see `common.provenance.provenance`.
        baseline: name of the arm that the others are compared with.
        ranges: SNRs whose frames get a confusion matrix of their own (`default_ranges`); those without frames are left
            out.

    Returns:
        The path of the page.
    """
    out = Path(out)
    ranges = default_ranges(found.snrs) if ranges is None else ranges
    ranges = [span for span in ranges if any(span.low <= snr <= span.high for snr in found.snrs)]
    tables = [summary_table(found), *([gains_table(found, baseline)] if len(found.arms) > 1 else [])]
    sections = [
        Section("Warnings", found.warnings) if found.warnings else None,
        Section("Scores", [*tables, _seed_note(found)]),
        Section("Accuracy against SNR", [_snr_picture(found, out), snr_table(found)]),
        Section("Confusion", _confusion_parts(found, out, ranges)),
        Section("Classes", [class_table(found), *_class_pictures(found, out)]),
        Section("Cost", [cost_table(found)]),
        Section("Calibration", [calibration_table(found), *found.notes, *_reliability_pictures(found, out)]),
        Section("Leakage", [leakage_table(found), NO_PROOF]),
        origin_section(origin),
    ]
    write_json(out / "evaluation.json", _record(found, origin))
    for name, table in _csv_tables(found, ranges).items():
        write_text(out / f"{name}.csv", table.csv())
    page = out / "index.html"
    title = f"Modulation recognition: {', '.join(found.arms)}"
    write_html(page, title, [section for section in sections if section is not None])
    return page


def _seed_note(found: Evaluation) -> str:
    spread = "± is the standard deviation over the checkpoints of a name, which should differ in their seed alone."
    if any(len(arm.runs) == 1 for arm in found.arms.values()):
        spread += " A network with one checkpoint has no spread: its differences may be chance."
    return f"Percent of frames, all SNR labels together; peak: the best single SNR. {spread}"


def _snr_picture(found: Evaluation, out: Path) -> Picture:
    curves, spreads = {}, {}
    for name, arm in found.arms.items():
        curves[name] = dict(zip(found.snrs, arm.accuracy_by_snr.mean(axis=0).tolist(), strict=True))
        if len(arm.runs) > 1:
            deviation = arm.accuracy_by_snr.std(axis=0, ddof=1)
            spreads[name] = dict(zip(found.snrs, deviation.tolist(), strict=True))
    counts = next(iter(found.arms.values())).confusion.counts
    blind = {snr: chance(each) for snr, each in zip(found.snrs, counts, strict=True)}
    path = out / "accuracy_by_snr.png"
    line_plot(curves, "SNR label (dB)", "accuracy (percent)", path, spreads=spreads, reference=("chance", blind))
    return Picture(path, "Accuracy by SNR label: mean over seeds, and a band of one standard deviation either way.")


def _confusion_parts(found: Evaluation, out: Path, ranges: Sequence[SnrRange]) -> list[Picture | Table]:
    parts: list[Picture | Table] = []
    for place, (name, arm) in enumerate(found.arms.items(), start=1):
        for kind, spans in (("overall", [ALL]), ("ranges", ranges)):
            percent = {f"{name}, {span}": shares(arm.confusion.between(*span)) for span in spans}
            path = out / f"confusion_{kind}_{place}.png"
            heatmaps(percent, found.classes, found.classes, path, "true", "predicted")
            what = "over all SNRs" if kind == "overall" else "in ranges of SNR"
            parts.append(Picture(path, f"{name}: what percentage of each class is taken for which, {what}."))
        parts.append(pairs_table(name, arm, found.classes, ranges))
    return parts


def _class_pictures(found: Evaluation, out: Path) -> list[Picture]:
    pictures = []
    snrs = [f"{snr:g}" for snr in found.snrs]
    for place, (name, arm) in enumerate(found.arms.items(), start=1):
        path = out / f"accuracy_by_class_{place}.png"
        heatmaps({name: accuracy_by_class(arm.confusion.counts).T}, found.classes, snrs, path, "", "SNR label (dB)")
        pictures.append(Picture(path, f"{name}: accuracy in percent by class and SNR; all seeds together."))
    return pictures


def _reliability_pictures(found: Evaluation, out: Path) -> list[Picture]:
    pictures = []
    diagonal = ("calibrated", {0.0: 0.0, 100.0: 100.0})
    for place, (file, how) in enumerate((("reliability", "as trained"), ("reliability_scaled", "after scaling"))):
        curves = {}
        for name, arm in found.arms.items():
            if all(len(run.bins) > place for run in arm.runs):
                frames, sure, right = np.sum([run.bins[place] for run in arm.runs], axis=0).T
                shown = frames >= 20  # the accuracy of fewer says little
                percent = 100 * np.stack([sure, right])[:, shown] / frames[shown]
                curves[name] = dict(zip(*percent.tolist(), strict=True))
        if curves:
            path = out / f"{file}.png"
            line_plot(curves, "confidence (percent)", "accuracy (percent)", path, how, reference=diagonal)
            said = f"How often a network is right that is so sure, {how}; above the line it is too modest."
            pictures.append(Picture(path, said))
    return pictures


def _record(found: Evaluation, origin: Mapping[str, object]) -> dict[str, object]:
    networks = {}
    for name, arm in found.arms.items():
        keys = dict.fromkeys(key for run in arm.runs for key in run.scores)
        networks[name] = {
            "mean": {key: float(np.mean(arm.values(key))) for key in keys},
            "std": {key: float(np.std(arm.values(key), ddof=1)) if len(arm.runs) > 1 else None for key in keys},
            "cost": {
                **{key: getattr(arm.cost, key) for key in ("parameters", "macs", "bytes")},
                "threads": found.threads,
                "latency_ms": {batch: each._asdict() for batch, each in arm.cost.latency.items()},
            },
            "runs": [_run_record(run) for run in arm.runs],
        }
    return {
        "frames": found.frames,
        "classes": found.classes,
        "snrs": found.snrs,
        "warnings": found.warnings,
        "notes": found.notes,
        "networks": networks,
        "provenance": origin,
    }


def _run_record(run: Run) -> dict[str, object]:
    check = run.low_snr
    tested = check and {**vars(check), "accuracy": check.accuracy, "is_suspicious": check.is_suspicious}
    return {
        "source": run.source,
        "scores": run.scores,
        "accuracy_by_class": accuracy_by_class(run.confusion.between()),
        "low_snr": tested,
        "trained_on": run.trained_on,
    }


def _csv_tables(found: Evaluation, ranges: Sequence[SnrRange]) -> dict[str, Table]:
    """Every number for other programs: a row per checkpoint and what it is about; pairs are of all seeds together."""
    keys = dict.fromkeys(key for _, _, run in _runs(found) for key in run.scores if "_at_" not in key)
    scores = [[name, number, *(run.scores.get(key) for key in keys)] for name, number, run in _runs(found)]
    by_snr, by_class, confusion = [], [], []
    for name, number, run in _runs(found):
        counts = run.confusion.counts
        right, of_class = accuracy(counts), accuracy_by_class(counts)
        for place, snr in enumerate(found.snrs):
            by_snr.append([name, number, snr, int(counts[place].sum()), float(right[place])])
            for true, label in enumerate(found.classes):
                by_class.append(
                    [name, number, label, snr, int(counts[place, true].sum()), float(of_class[place, true])]
                )
        for place, true, guess in np.argwhere(counts):
            cell = [found.snrs[place], found.classes[true], found.classes[guess], int(counts[place, true, guess])]
            confusion.append([name, number, *cell])
    pairs = [
        [name, *row] for name, arm in found.arms.items() for row in pairs_table(name, arm, found.classes, ranges).rows
    ]
    return {
        "scores": Table("", ["network", "run", *keys], scores),
        "accuracy_by_snr": Table("", ["network", "run", "snr", "frames", "accuracy"], by_snr),
        "accuracy_by_class": Table("", ["network", "run", "class", "snr", "frames", "accuracy"], by_class),
        "confusion": Table("", ["network", "run", "snr", "true", "predicted", "frames"], confusion),
        "confused_pairs": Table("", ["network", "snr", "first", "second", "first_as_second", "second_as_first"], pairs),
        "cost": cost_table(found),
    }
