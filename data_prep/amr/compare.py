"""Compare two sets of frames class by class: spectra, envelopes and SNR, as a table and a picture.

    python data_prep/amr/compare.py A.pkl B.h5 --out comparison.png

Reads RadioML's pickle layout and the HDF5 layout of `data_prep.amr.output`. The SNR is the true one where both files
tell it, else an estimate from the emptiest fifth of the band (the same estimate for both). Beside the picture stand
``comparison.md``, the table, and ``comparison.json``, every figure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from common.atomic import atomic_write
from common.errors import ConfigError, DataError, exit_on_user_error
from common.provenance import portable_path, provenance
from common.report import Table, plt, write_json, write_text
from data_prep.amr.constellations import canonical
from data_prep.amr.measure import bandwidth, blind_snr, envelope_spread, power_spectrum, spectrum_differences
from data_prep.amr.reading import Cell, read_cells

Cells = dict[tuple[str, int], Cell]
_STRONG = 10  # dB; spectra and envelopes are compared at labels from here on


@dataclass(frozen=True)
class ClassMeasures:
    """One modulation of one set.

    Spectrum ``[L]`` (of sum 1) and envelope spread ``[F]`` over the strong labels, and the median SNR in dB ``[S]`` of
    each label.
    """

    spectrum: np.ndarray
    spread: np.ndarray
    snr: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """Two sets, A and B.

    Attributes:
        names: of the files.
        snrs: the labels that both hold, in dB.
        true_snr: whether the SNR is the true one rather than an estimate.
        measures: of A and B for every modulation that both hold, by A's names.
    """

    names: tuple[str, str]
    snrs: list[int]
    true_snr: bool
    measures: dict[str, tuple[ClassMeasures, ClassMeasures]]

    def table(self) -> Table:
        """One row for each modulation.

        Difference of the spectra over their bins (mean and largest), the fraction of the band that holds 99 % of the
        power, median std|x| / mean|x|, the Kolmogorov-Smirnov distance of its distributions, and B's SNR less A's over
        the labels (median, least and most).
        """
        rows = []
        for mod, pair in self.measures.items():
            spectra = spectrum_differences(pair[0].spectrum, pair[1].spectrum)
            bands, spreads = ([f"{measure(one):.3f}" for one in pair] for measure in (_band, _typical_spread))
            distance = f"{_ks_distance(*pair):.3f}"
            differences = _snr_differences(*pair)
            snr = [None] * 3
            if differences.size:
                snr = [f"{value:+.1f}" for value in (np.median(differences), differences.min(), differences.max())]
            rows.append([mod, float(spectra.mean()), float(spectra.max()), *bands, *spreads, distance, *snr])
        how = "true" if self.true_snr else "estimated"
        title = f"A {self.names[0]}, B {self.names[1]}: labels of {_STRONG} dB and more; {how} SNR at all labels"
        columns = "class", "|Δ| dB", "max", "99 % A", "B", "spread A", "B", "KS", "ΔSNR dB", "min", "max"
        return Table(title, columns, rows, digits=1)

    def as_json(self) -> dict[str, Any]:
        """Every figure, in types that JSON knows; an SNR without signal is None."""
        classes = {}
        for mod, pair in self.measures.items():
            spectra = spectrum_differences(pair[0].spectrum, pair[1].spectrum)
            classes[mod] = {
                "spectra_differ_db": {"mean": float(spectra.mean()), "most": float(spectra.max())},
                "bandwidth_99": [_band(one) for one in pair],
                "envelope_spread_quartiles": [np.quantile(one.spread, (0.25, 0.5, 0.75)).tolist() for one in pair],
                "envelope_ks_distance": _ks_distance(*pair),
                "envelope_frames": [len(one.spread) for one in pair],
                "snr_db": [[float(snr) if np.isfinite(snr) else None for snr in one.snr] for one in pair],
            }
        return {
            "sets": list(self.names),
            "labels": self.snrs,
            "snr_is_true": self.true_snr,
            "classes": classes,
            "provenance": provenance(),
        }


def _band(one: ClassMeasures) -> float:
    return bandwidth(one.spectrum)


def _typical_spread(one: ClassMeasures) -> float:
    return float(np.median(one.spread))


def _ks_distance(a: ClassMeasures, b: ClassMeasures) -> float:
    """Largest difference between the distribution functions of the envelope's spread: of Kolmogorov and Smirnov."""
    return float(ks_2samp(a.spread, b.spread).statistic)


def _snr_differences(a: ClassMeasures, b: ClassMeasures) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        differences = b.snr - a.snr
    return differences[np.isfinite(differences)]


def measure_class(cells: Cells, mod: str, snrs: list[int], true_snr: bool) -> ClassMeasures:
    """Measure one modulation over ``snrs``, strong labels being those from 10 dB on (or the highest alone)."""
    strong = [snr for snr in snrs if snr >= _STRONG] or snrs[-1:]
    frames = np.concatenate([cells[mod, snr].frames for snr in strong])
    if true_snr:
        levels = [np.median(cells[mod, snr].measured) for snr in snrs]
    else:
        levels = [blind_snr(power_spectrum(cells[mod, snr].frames)) for snr in snrs]
    return ClassMeasures(power_spectrum(frames), envelope_spread(frames), np.array(levels, float))


def compare(a: Cells, b: Cells, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Measure what two sets have in common.

    Raises:
        DataError: if they share no modulation, no label, or their frames differ in length.
    """
    others = {canonical(mod): mod for mod, _ in b}
    mods = [mod for mod in dict.fromkeys(mod for mod, _ in a) if canonical(mod) in others]
    snrs = sorted({snr for _, snr in a} & {snr for _, snr in b})
    if not mods or not snrs:
        raise DataError("expected two sets with a modulation and an SNR label in common but found none")
    for snr in snrs:
        for mod in mods:
            if (mod, snr) not in a or (others[canonical(mod)], snr) not in b:
                raise DataError(f"expected frames of every modulation at every label but found none of {mod} at {snr}")
    lengths = [next(iter(cells.values())).frames.shape[-1] for cells in (a, b)]
    if lengths[0] != lengths[1]:
        raise DataError(f"expected frames of the same length but found {lengths[0]} and {lengths[1]} samples")
    true_snr = all(cell.measured is not None for cells in (a, b) for cell in cells.values())
    measures = {
        mod: (measure_class(a, mod, snrs, true_snr), measure_class(b, others[canonical(mod)], snrs, true_snr))
        for mod in mods
    }
    return Comparison(names, snrs, true_snr, measures)


def draw(comparison: Comparison, path: Path) -> None:
    """Write a picture with one row for each modulation: spectra, distributions of the envelope, SNR against label."""
    measures = comparison.measures
    figure, axes = plt.subplots(len(measures), 3, figsize=(13, 2.2 * len(measures) + 1), squeeze=False)
    for row, (mod, pair) in zip(axes, measures.items(), strict=True):
        for measured, name, style in zip(pair, comparison.names, ("C0-", "C3--"), strict=True):
            length = len(measured.spectrum)
            frequency = (np.arange(length) - length // 2) / length
            row[0].plot(frequency, 10 * np.log10(measured.spectrum * length + 1e-9), style, label=name)
            row[1].hist(measured.spread, bins=np.linspace(0, 1, 101), density=True, histtype="step", color=style[:2])
            row[2].plot(comparison.snrs, measured.snr, style)
        row[0].set_ylabel(mod)
        if not any(np.isfinite(measured.snr).any() for measured in pair):
            row[2].text(0.5, 0.5, "no signal", ha="center", transform=row[2].transAxes)
    titles = "power spectrum (dB) / sample rate", "density of std|x| / mean|x|", "SNR (dB) against label (dB)"
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="upper left", ncols=2)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 / figure.get_figheight()))
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=80)
    plt.close(figure)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare two sets of I/Q frames: spectra, envelopes and SNR.")
    parser.add_argument("a", type=Path, help="*.pkl or *.h5")
    parser.add_argument("b", type=Path, help="*.pkl or *.h5")
    parser.add_argument("--frames", type=int, default=200, help="of each modulation and SNR (default %(default)s)")
    parser.add_argument("--out", type=Path, help="picture to write (*.png); *.md and *.json are written beside it")
    options = parser.parse_args(arguments)
    if options.out and options.out.suffix != ".png":
        raise ConfigError(f"expected a picture named *.png but found {options.out}")
    cells = (read_cells(path, options.frames) for path in (options.a, options.b))
    comparison = compare(*cells, names=(portable_path(options.a), portable_path(options.b)))
    table = comparison.table()
    table.print()
    if options.out:
        draw(comparison, options.out)
        write_text(options.out.with_suffix(".md"), table.markdown())
        write_json(options.out.with_suffix(".json"), comparison.as_json())
        print(f"picture: {options.out}, with .md and .json beside it")


if __name__ == "__main__":
    raise SystemExit(main())
