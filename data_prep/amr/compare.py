"""Compare sets of frames class by class: spectra, envelopes and SNR, as a table and a picture.

    python data_prep/amr/compare.py A.pkl B.h5 --out comparison.png
    python data_prep/amr/compare.py REFERENCE.pkl seed0.h5 seed1.h5 seed2.h5 --frames 300

Reads RadioML's pickles and the HDF5 layouts of `common.frame_files`. With several B each figure is told by its least
and its most, as of sets that differ in their seed alone. The SNR is the true one where all files tell it, else an
estimate from the emptiest fifth of the band (the same estimate for all). Where all tell at which sample of a frozen
channel's run each frame begins, a frame of A is held against the nearest frame of B, since the channel's gain changes
along the run. Beside the picture stand ``comparison.md``, the table, and ``comparison.json``, every figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from common.atomic import atomic_write
from common.errors import ConfigError, DataError, exit_on_user_error
from common.modulations import canonical
from common.provenance import portable_path, provenance
from common.report import Table, plt, write_json, write_text
from data_prep.amr.measure import bandwidth, blind_snr, envelope_spread, power_spectrum, spectrum_differences
from data_prep.amr.reading import Cell, Cells, read_cells

_STRONG = 10  # dB; spectra and envelopes are compared at labels from here on
_SETTLED = 800  # samples of a run, after which no pulse filter starts up any more (705 taps at 8 samples a symbol)
LEVEL = 0.05


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
class Pair:
    """One modulation of A and of one B; ``snr_differences``: B's less A's in dB, ``[S]``, NaN where there is none."""

    a: ClassMeasures
    b: ClassMeasures
    snr_differences: np.ndarray

    def figures(self) -> dict[str, float | None]:
        """What is told of the pair; see `Comparison.table`."""
        spectra = spectrum_differences(self.a.spectrum, self.b.spectrum)
        envelopes = ks_2samp(self.a.spread, self.b.spread)
        snr = self.snr_differences[np.isfinite(self.snr_differences)]
        differences = [float(of(snr)) for of in (np.median, np.min, np.max)] if snr.size else [None] * 3
        return {
            "spectra_mean_db": float(spectra.mean()),
            "spectra_most_db": float(spectra.max()),
            "bandwidth_a": bandwidth(self.a.spectrum),
            "bandwidth_b": bandwidth(self.b.spectrum),
            "spread_a": float(np.median(self.a.spread)),
            "spread_b": float(np.median(self.b.spread)),
            "ks_distance": float(envelopes.statistic),
            "ks_p": float(envelopes.pvalue),
            **dict(zip(("snr_db", "snr_least_db", "snr_most_db"), differences, strict=True)),
        }


# Figure -> its column, and how it is written.
_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "spectra_mean_db": ("spectra dB", "{:.1f}".format),
    "spectra_most_db": ("most", "{:.1f}".format),
    "bandwidth_a": ("99 % A", "{:.3f}".format),
    "bandwidth_b": ("99 % B", "{:.3f}".format),
    "spread_a": ("spread A", "{:.3f}".format),
    "spread_b": ("spread B", "{:.3f}".format),
    "ks_distance": ("KS", "{:.3f}".format),
    "ks_p": ("KS p", "{:.2f}".format),
    "snr_db": ("SNR dB", "{:+.2f}".format),
    "snr_least_db": ("least", "{:+.2f}".format),
    "snr_most_db": ("most", "{:+.2f}".format),
}


@dataclass(frozen=True)
class Comparison:
    """A set A, and others B.

    Attributes:
        names: of the files, A's first.
        snrs: the labels that all hold, in dB.
        how: what the SNRs are: 'true', 'estimated', or 'true, at equal places of a run'.
        pairs: for every modulation that all hold, by A's names, A and each B.
    """

    names: tuple[str, ...]
    snrs: list[int]
    how: str
    pairs: dict[str, list[Pair]]

    def table(self) -> Table:
        """One row for each modulation.

        Difference of the spectra over their bins (mean and most), the fraction of the band that holds 99 % of the
        power, median std|x| / mean|x|, the Kolmogorov-Smirnov distance of its distributions and its p, and B's SNR less
        A's (median over the labels, least and most). With several B the least and the most of each figure.
        """
        rows = []
        for mod, pairs in self.pairs.items():
            figures = [pair.figures() for pair in pairs]
            rows.append([mod, *(_range((each[key] for each in figures), how) for key, (_, how) in _COLUMNS.items())])
        others = ", ".join(self.names[1:])
        title = f"A {self.names[0]}, B {others}: labels of {_STRONG} dB and more; SNR {self.how}, at all labels"
        return Table(title, ["class", *(column for column, _ in _COLUMNS.values())], rows)

    def rejected(self) -> tuple[int, int]:
        """How many pairs of envelopes differ at a level of 5 %, and of how many."""
        p_values = [pair.figures()["ks_p"] for pairs in self.pairs.values() for pair in pairs]
        return sum(p < LEVEL for p in p_values), len(p_values)

    def as_json(self) -> dict[str, Any]:
        """Every figure, in types that JSON knows; an SNR without signal is None."""
        classes = {}
        for mod, pairs in self.pairs.items():
            measures = [pairs[0].a, *(pair.b for pair in pairs)]
            classes[mod] = {
                "pairs": [pair.figures() for pair in pairs],
                "envelope_spread_quartiles": [np.quantile(one.spread, (0.25, 0.5, 0.75)).tolist() for one in measures],
                "envelope_frames": [len(one.spread) for one in measures],
                "snr_db": [[float(snr) if np.isfinite(snr) else None for snr in one.snr] for one in measures],
            }
        return {
            "sets": list(self.names),
            "labels": self.snrs,
            "snr": self.how,
            "classes": classes,
            "provenance": provenance(),
        }


def _range(values: Iterable[float | None], how: Callable[[float], str]) -> str | None:
    """``"0.3"`` or ``"0.2 to 0.4"``."""
    known = [value for value in values if value is not None]
    texts = list(dict.fromkeys(how(value) for value in (min(known), max(known)))) if known else []
    return " to ".join(texts) or None


def measure_class(cells: Cells, mod: str, snrs: list[int], true_snr: bool) -> ClassMeasures:
    """Measure one modulation over ``snrs``, strong labels being those from 10 dB on (or the highest alone)."""
    strong = [snr for snr in snrs if snr >= _STRONG] or snrs[-1:]
    frames = np.concatenate([cells[mod, snr].frames for snr in strong])
    if true_snr:
        levels = [np.median(cells[mod, snr].measured) for snr in snrs]
    else:
        levels = [blind_snr(power_spectrum(cells[mod, snr].frames)) for snr in snrs]
    return ClassMeasures(power_spectrum(frames), envelope_spread(frames), np.array(levels, float))


def at_equal_places(a: Cell, b: Cell) -> float:
    """Median of the differences in SNR between A's frames and those frames of B that begin nearest, in dB.

    Frames at the start of a run are left out. NaN where there are no others, or no signal.
    """
    settled = a.starts > _SETTLED
    nearest = np.abs(b.starts[None, :] - a.starts[settled, None]).argmin(axis=1)
    with np.errstate(invalid="ignore"):
        differences = b.measured[nearest] - a.measured[settled]
    return float(np.median(differences)) if len(differences) else float("nan")


def compare(a: Cells, others: Sequence[Cells], names: Sequence[str] | None = None) -> Comparison:
    """Measure what a set and others have in common.

    Args:
        a: the set.
        others: what it is compared with.
        names: of all, A's first.

    Raises:
        DataError: if they share no modulation, no label, or their frames differ in length.
    """
    sets = [a, *others]
    own = [{canonical(mod): mod for mod, _ in cells} for cells in sets]
    mods = [mod for mod in own[0] if all(mod in each for each in own)]
    snrs = sorted(set.intersection(*({snr for _, snr in cells} for cells in sets)))
    if not mods or not snrs:
        raise DataError("expected sets with a modulation and an SNR label in common but found none")
    for cells, mod_of in zip(sets, own, strict=True):
        for snr in snrs:
            for mod in mods:
                if (mod_of[mod], snr) not in cells:
                    raise DataError(
                        f"expected frames of every modulation at every label but found none of {own[0][mod]} at {snr}"
                    )
    lengths = [next(iter(cells.values())).frames.shape[-1] for cells in sets]
    if len(set(lengths)) > 1:
        found = " and ".join(map(str, dict.fromkeys(lengths)))
        raise DataError(f"expected frames of the same length but found {found} samples")
    every = [cell for cells in sets for cell in cells.values()]
    is_true = all(cell.measured is not None for cell in every)
    is_placed = is_true and all(cell.starts is not None for cell in every)
    pairs: dict[str, list[Pair]] = {}
    for mod in mods:
        measures = [measure_class(cells, mod_of[mod], snrs, is_true) for cells, mod_of in zip(sets, own, strict=True)]
        pairs[own[0][mod]] = []
        for cells, mod_of, one in zip(others, own[1:], measures[1:], strict=True):
            if is_placed:
                found = [at_equal_places(a[own[0][mod], snr], cells[mod_of[mod], snr]) for snr in snrs]
            else:
                with np.errstate(invalid="ignore"):
                    found = one.snr - measures[0].snr
            pairs[own[0][mod]].append(Pair(measures[0], one, np.array(found, float)))
    how = "true, at equal places of a run" if is_placed else "true" if is_true else "estimated"
    return Comparison(tuple(names or [f"set {place}" for place in range(len(sets))]), snrs, how, pairs)


def draw(comparison: Comparison, path: Path) -> None:
    """Write a picture with one row for each modulation: spectra, distributions of the envelope, SNR against label."""
    figure, axes = plt.subplots(len(comparison.pairs), 3, figsize=(13, 2.2 * len(comparison.pairs) + 1), squeeze=False)
    for row, (mod, pairs) in zip(axes, comparison.pairs.items(), strict=True):
        measures = [pairs[0].a, *(pair.b for pair in pairs)]
        for place, (measured, name) in enumerate(zip(measures, comparison.names, strict=True)):
            style = {"color": f"C{place}", "linestyle": "--" if place else "-"}
            length = len(measured.spectrum)
            frequency = (np.arange(length) - length // 2) / length
            row[0].plot(frequency, 10 * np.log10(measured.spectrum * length + 1e-9), label=name, **style)
            row[1].hist(measured.spread, bins=np.linspace(0, 1, 101), density=True, histtype="step", **style)
            row[2].plot(comparison.snrs, measured.snr, **style)
        row[0].set_ylabel(mod)
        if not any(np.isfinite(measured.snr).any() for measured in measures):
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", type=Path, metavar="A", help="*.pkl or *.h5")
    parser.add_argument("b", type=Path, nargs="+", metavar="B", help="*.pkl or *.h5, which A is compared with")
    parser.add_argument("--frames", type=int, default=200, help="of each modulation and SNR (default %(default)s)")
    parser.add_argument("--out", type=Path, help="picture to write (*.png); *.md and *.json are written beside it")
    options = parser.parse_args(arguments)
    if options.frames < 1:
        raise ConfigError(f"expected --frames of at least 1 but found {options.frames}")
    if options.out and options.out.suffix != ".png":
        raise ConfigError(f"expected a picture named *.png but found {options.out}")
    a, *others = (read_cells(path, options.frames) for path in (options.a, *options.b))
    comparison = compare(a, others, [portable_path(path) for path in (options.a, *options.b)])
    table = comparison.table()
    table.print()
    rejected, pairs = comparison.rejected()
    print(f"envelopes: {rejected} of {pairs} pairs differ by a Kolmogorov-Smirnov test at {100 * LEVEL:g} %")
    if options.out:
        draw(comparison, options.out)
        write_text(options.out.with_suffix(".md"), table.markdown())
        write_json(options.out.with_suffix(".json"), comparison.as_json())
        print(f"picture: {options.out}, with .md and .json beside it")


if __name__ == "__main__":
    raise SystemExit(main())
