"""What was found in a recording, as CSV, as JSON and as SigMF annotations; written as it is found, only whole."""

from __future__ import annotations

import csv
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from common.atomic import atomic_write
from common.errors import ConfigError, DataError
from tasks.amr.iq_files import Recording
from tasks.amr.sigmf import DATA_SUFFIX, META_SUFFIX, AnnotationWriter
from tasks.amr.streaming import NOISE_NAME

CSV_SUFFIX, JSON_SUFFIX = ".modulations.csv", ".modulations.json"


@dataclass(frozen=True)
class Finding:
    """One stretch of a recording.

    Attributes:
        sample_start: its first sample; samples count from 0 at the start of the file.
        sample_count: how many.
        time_start: in seconds.
        seconds: how long.
        label: name of the modulation, 'noise' or 'unknown'.
        probability: of the likeliest modulation; None for noise.
        power_db: mean power over that of an amplitude of 1; None for silence.
        windows: how many the network heard.
    """

    sample_start: int
    sample_count: int
    time_start: float
    seconds: float
    label: str
    probability: float | None
    power_db: float | None
    windows: int


@dataclass
class Share:
    """All stretches with one label: how many, their samples, and their probability (sum over samples)."""

    stretches: int = 0
    samples: int = 0
    weighted: float = 0.0

    @property
    def probability(self) -> float:
        """Mean over the samples."""
        return self.weighted / self.samples if self.samples else math.nan


class Summary:
    """What all findings amount to, without keeping them.

    Attributes:
        shares: label -> its share.
        first: the first findings.
    """

    def __init__(self, keep: int):
        self.shares: dict[str, Share] = defaultdict(Share)
        self.first: list[Finding] = []
        self._keep = keep

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        share = self.shares[finding.label]
        share.stretches += 1
        share.samples += finding.sample_count
        share.weighted += finding.sample_count * (finding.probability if finding.probability is not None else math.nan)
        if len(self.first) < self._keep:
            self.first.append(finding)

    @property
    def stretches(self) -> int:
        """How many there were."""
        return sum(share.stretches for share in self.shares.values())

    @property
    def samples(self) -> int:
        """Samples in all of them."""
        return sum(share.samples for share in self.shares.values())

    def as_dict(self) -> dict[str, Any]:
        """label -> samples, share of all samples in percent, stretches and probability, the largest first."""
        ordered = sorted(self.shares.items(), key=lambda item: -item[1].samples)
        return {
            label: {
                "samples": share.samples,
                "percent": 100 * share.samples / max(1, self.samples),
                "stretches": share.stretches,
                "probability": None if math.isnan(share.probability) else share.probability,
            }
            for label, share in ordered
        }


@dataclass(frozen=True)
class Band:
    """What the network heard of the spectrum: from where to where, in Hz from the middle of the recording's own."""

    lower: float
    upper: float


class ResultFiles:
    """Takes findings in their order; see `open_results`."""

    def __init__(
        self,
        table: IO[str],
        listing: IO[str],
        head: Mapping[str, Any],
        annotations: tuple[AnnotationWriter, Recording, Band] | None,
    ):
        self._rows = csv.writer(table, lineterminator="\n")
        self._rows.writerow(field.name for field in fields(Finding))
        self._listing, self._annotations = listing, annotations
        self._separator = "\n"
        listing.write(json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}") + ',\n  "findings": [')

    def add(self, finding: Finding) -> None:
        """Write one."""
        values = asdict(finding)
        self._rows.writerow("" if value is None else value for value in values.values())
        self._listing.write(f"{self._separator}    {json.dumps(values, ensure_ascii=False)}")
        self._separator = ",\n"
        if self._annotations is not None and finding.label != NOISE_NAME:
            writer, recording, band = self._annotations
            writer.add(_annotation(finding, recording, band))

    def close(self, summary: Summary, notes: list[str]) -> None:
        """Write what comes last."""
        tail = json.dumps({"summary": summary.as_dict(), "notes": notes}, indent=2, ensure_ascii=False)
        self._listing.write("\n  ]," + tail.removeprefix("{") + "\n")
        if self._annotations is not None:
            self._annotations[0].close()


def _annotation(finding: Finding, recording: Recording, band: Band) -> dict[str, Any]:
    start = recording.sigmf.offset + finding.sample_start
    annotation = {"core:sample_start": start, "core:sample_count": finding.sample_count, "core:label": finding.label}
    tuned = recording.sigmf.frequency(start)
    if tuned is not None:
        annotation["core:freq_lower_edge"] = tuned + band.lower
        annotation["core:freq_upper_edge"] = tuned + band.upper
    return {**annotation, "core:comment": f"modulation, probability {finding.probability:.2f}"}


@contextmanager
def open_results(
    recording: Recording,
    out: Path,
    name: str,
    head: Mapping[str, Any],
    band: Band,
    generator: str,
    in_place: bool = False,
) -> Iterator[ResultFiles]:
    """Files for what is found in a recording; none of them appears, or changes, unless the block ends well.

    - ``OUT/NAME.modulations.csv``: a line for each `Finding`;
    - ``OUT/NAME.modulations.json``: ``head``, the findings, a summary and notes;
    - for a SigMF recording ``OUT/NAME.sigmf-meta``, its metadata with annotations added and the sample rate that it was
      read at, beside a link to its samples. Noise is not annotated.

    Args:
        recording: what is being listened to.
        out: folder.
        name: of the files.
        head: facts for the JSON file.
        band: for the annotations.
        generator: name that the annotations are given.
        in_place: annotate the recording's own metadata instead.

    Raises:
        ConfigError: if ``in_place`` is asked for a recording without metadata, or whose metadata have another sample
            rate; or if its own would be overwritten unasked.
        DataError: if a file cannot be written, or read to its end.
    """
    sigmf = recording.sigmf
    metadata = None if sigmf is None else sigmf.path if in_place else out / f"{name}{META_SUFFIX}"
    _check_place(recording, metadata, in_place)
    try:
        with ExitStack() as stack:
            table, listing = (
                stack.enter_context(atomic_write(out / f"{name}{suffix}", "w")) for suffix in (CSV_SUFFIX, JSON_SUFFIX)
            )
            annotations = None
            if metadata is not None:
                file = stack.enter_context(atomic_write(metadata, "w"))
                content = sigmf.content_at(recording.sample_rate)
                annotations = AnnotationWriter(file, content, generator), recording, band
            yield ResultFiles(table, listing, head, annotations)
        if metadata is not None and not in_place:
            _link(sigmf.data, out / f"{name}{DATA_SUFFIX}")
    except OSError as error:
        raise DataError(
            f"expected to read {recording.source} and write results to {out} but found: {error.strerror or error}"
        ) from error


def _check_place(recording: Recording, metadata: Path | None, in_place: bool) -> None:
    sigmf = recording.sigmf
    if not in_place:
        if metadata is not None and metadata.resolve() == sigmf.path.resolve():
            raise ConfigError(
                f"expected another folder for results than {metadata.parent}, where the recording lies; or annotate it "
                "with --in-place"
            )
        return
    if sigmf is None:
        raise ConfigError(f"expected a SigMF recording for annotations in place but found {recording.source}")
    if recording.own_rate not in (None, recording.sample_rate):
        raise ConfigError(
            f"expected --in-place at the {recording.own_rate:.10g} samples/s of {sigmf.path} but found --sample-rate "
            f"{recording.sample_rate:.10g}; leave one of the two out, or correct core:sample_rate first"
        )


def _link(data: Path, link: Path) -> None:
    """Let the annotated metadata have their samples, where the system has links; a file that is there stays."""
    if link.is_symlink():
        link.unlink()
    if not link.exists() and hasattr(os, "symlink"):
        try:
            link.symlink_to(data.resolve())
        except OSError:
            return
