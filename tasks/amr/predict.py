"""Which modulations a recording holds, and where."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path

import numpy as np

from common.errors import ConfigError, DataError, UserError
from common.report import Table, track
from tasks.amr.iq_files import BLOCK, STREAM, Recording, open_recording
from tasks.amr.recogniser import Recogniser, SignalInfo, load_checkpoint, load_onnx
from tasks.amr.result_files import Band, Finding, Summary, open_results
from tasks.amr.streaming import (
    NOISE,
    NOISE_NAME,
    UNKNOWN,
    UNKNOWN_NAME,
    Stretch,
    Timeline,
    cut_windows,
    gate_noise,
    join_votes,
    score_live,
    soft_vote,
)
from tasks.amr.tuning import rate_ratio, resample_stream, shift_frequency

DEFAULT_NETWORK = Path(__file__).parent / "pretrained" / "kdcnn_generated.onnx"
AS_NETWORK = "network"
FLOOR_RISE = 1.0  # dB per second; ours: slow beside bursts, fast beside a receiver that warms up
STREAM_SECONDS = 1.0  # a stream's steady signal is told again after so long
ROWS_SHOWN = 20


@dataclass(frozen=True)
class Settings:
    """How a recording is listened to.

    Attributes:
        freq_shift: in Hz, upwards, before anything else.
        resample: rate that the network hears: in Hz ('200e3'), in samples per symbol ('8sps'), that of the signals it
            was trained on ('network'), or None for the recording's own.
        symbol_rate: of the signal, in symbols per second, where it is known; with it, 'network' is the default.
        hop: samples from one window to the next, after resampling; by default the window's length.
        vote: windows that are decided on together.
        threshold: decisions less probable than this are 'unknown'.
        noise_gate: dB over the noise floor below which windows are 'noise'; None listens to everything but silence.

    Raises:
        ConfigError: for a value out of its range.
    """

    freq_shift: float = 0.0
    resample: str | None = None
    symbol_rate: float | None = None
    hop: int | None = None
    vote: int = 8
    threshold: float = 0.5
    noise_gate: float | None = None

    def __post_init__(self) -> None:
        checks = {
            "a finite --freq-shift": (self.freq_shift, math.isfinite(self.freq_shift)),
            "a positive --symbol-rate": (self.symbol_rate, self.symbol_rate is None or 0 < self.symbol_rate < math.inf),
            "--hop of at least 1 sample": (self.hop, self.hop is None or self.hop >= 1),
            "--vote of at least 1 window": (self.vote, self.vote >= 1),
            "--threshold from 0 to 1": (self.threshold, 0 <= self.threshold <= 1),
            "--noise-gate above 0 dB": (self.noise_gate, self.noise_gate is None or 0 < self.noise_gate < math.inf),
        }
        for expected, (found, is_right) in checks.items():
            if not is_right:
                raise ConfigError(f"expected {expected} but found {found}")

    def rate_for(self, info: SignalInfo, sample_rate: float) -> float:
        """Samples per second that a network is to hear of a recording at ``sample_rate``.

        Raises:
            ConfigError: if ``resample`` is no rate, or needs what neither the network nor the user has said.
        """
        wanted = self.resample or (AS_NETWORK if self.symbol_rate else None)
        if wanted is None:
            return sample_rate
        if wanted == AS_NETWORK:
            return self._rate_of_training(info, sample_rate)
        per_symbol = wanted.removesuffix("sps")
        try:
            rate = float(per_symbol)
        except ValueError:
            rate = math.nan
        if not 0 < rate < math.inf:
            raise ConfigError(f"expected --resample network, a rate in Hz or one such as 8sps but found {wanted!r}")
        if per_symbol == wanted:
            return rate
        if self.symbol_rate is None:
            raise ConfigError(f"expected the symbol rate for --resample {wanted} but found none; give --symbol-rate HZ")
        return rate * self.symbol_rate

    def _rate_of_training(self, info: SignalInfo, sample_rate: float) -> float:
        if self.symbol_rate is None:
            if info.sample_rate is None:
                raise ConfigError(
                    "expected a network that tells its sample rate for --resample network; give a rate in Hz"
                )
            return info.sample_rate
        if info.samples_per_symbol is None:
            raise ConfigError(
                "expected a network that tells its samples per symbol for --symbol-rate; give --resample, such as 8sps"
            )
        least, most = info.samples_per_symbol
        if least <= sample_rate / self.symbol_rate <= most:
            return sample_rate
        return max(least, round(math.sqrt(least * most))) * self.symbol_rate


@dataclass(frozen=True)
class Listening:
    """A recording on its way to a network.

    Attributes:
        rate: samples per second that the network hears.
        timeline: where its windows lie in the recording.
        stretches: what it hears, in order; can be gone through once.
    """

    rate: float
    timeline: Timeline
    stretches: Iterator[Stretch]


def listen(
    recording: Recording, network: Recogniser, settings: Settings, blocks: Iterable[np.ndarray] | None = None
) -> Listening:
    """Let a network hear a recording, block by block, in memory that does not grow with its length.

    Args:
        recording: not yet read.
        network: hears windows of its own length.
        settings: how.
        blocks: the recording's samples, where they are to be seen on their way.

    Raises:
        ConfigError: if the settings do not fit the recording or the network.
    """
    info, rate = network.info, recording.sample_rate
    if abs(settings.freq_shift) > rate / 2:
        raise ConfigError(
            f"expected --freq-shift within half of the sample rate, ±{rate / 2:g} Hz, but found {settings.freq_shift:g}"
        )
    ratio = rate_ratio(settings.rate_for(info, rate), rate)
    timeline = Timeline(info.length, settings.hop or info.length, ratio)
    heard = float(rate * ratio)
    blocks = recording.blocks() if blocks is None else blocks
    if settings.freq_shift:
        blocks = shift_frequency(blocks, settings.freq_shift, rate)
    windows = cut_windows(resample_stream(blocks, ratio), timeline.length, timeline.hop)
    gated = gate_noise(windows, settings.noise_gate, FLOOR_RISE * timeline.hop / heard)
    votes = soft_vote(
        score_live(gated, network.log_probabilities, len(info.classes)), settings.vote, settings.threshold
    )
    longest = math.inf if recording.samples is not None else STREAM_SECONDS * heard / timeline.hop
    return Listening(heard, timeline, join_votes(votes, longest))


def findings(recording: Recording, network: Recogniser, listening: Listening) -> Iterator[Finding]:
    """Stretches by name, in samples and seconds of the recording.

    Raises:
        DataError: if the recording is shorter than one window.
    """
    names = {**dict(enumerate(network.info.classes)), NOISE: NOISE_NAME, UNKNOWN: UNKNOWN_NAME}
    is_empty = True
    for stretch in listening.stretches:
        is_empty = False
        start, end = listening.timeline.span(stretch, recording.taken)
        yield Finding(
            start,
            end - start,
            start / recording.sample_rate,
            (end - start) / recording.sample_rate,
            names[stretch.label],
            stretch.probability if stretch.label != NOISE else None,
            10 * math.log10(stretch.power) if stretch.power > 0 else None,
            stretch.windows,
        )
    if is_empty:
        least = math.ceil(listening.timeline.length / listening.timeline.ratio)
        raise DataError(
            f"expected at least {least} samples, one frame of the network, but found {recording.taken} in "
            f"{recording.source}; record more"
        )


class _Blocks:
    """The blocks of a recording, with their number, for a progress bar."""

    def __init__(self, recording: Recording):
        self._recording = recording

    def __len__(self) -> int:
        return math.ceil(self._recording.samples / BLOCK)

    def __iter__(self) -> Iterator[np.ndarray]:
        return self._recording.blocks(BLOCK)


def predict_recording(
    recording: Recording, network: Recogniser, settings: Settings, out: Path, name: str, in_place: bool = False
) -> Summary:
    """Write what a network hears in a recording to files (see `tasks.amr.result_files.open_results`), and show it.

    What is heard in a stream is shown at once, too.

    Raises:
        ConfigError: as `listen` and `open_results`.
        DataError: if the recording can't be read to its end or is shorter than one frame, or files can't be written.
    """
    is_stream = recording.samples is None
    blocks = None if is_stream else track(_Blocks(recording), name, "Mi samples")
    listening = listen(recording, network, settings, blocks)
    band = Band(-settings.freq_shift, min(listening.rate, recording.sample_rate))
    head = {
        "recording": recording.source,
        "sample_rate": recording.sample_rate,
        "heard_rate": listening.rate,
        "network": {"name": network.name, **network.info.as_dict()},
        "settings": asdict(settings),
    }
    summary = Summary(ROWS_SHOWN)
    generator = f"distillation-suite, {network.name}"
    with open_results(recording, out, name, head, band, generator, in_place) as files:
        for finding in findings(recording, network, listening):
            files.add(finding)
            summary.add(finding)
            if is_stream:
                print(_line(finding), flush=True)
        _note_rest(recording, summary)
        files.close(summary, recording.notes)
    _show(recording, summary, name, is_stream)
    return summary


def _note_rest(recording: Recording, summary: Summary) -> None:
    rest = recording.taken - summary.samples
    if rest > 0:
        recording.notes.append(f"{rest} samples in no window, at the end or between hops, were not heard")


def _line(finding: Finding) -> str:
    probability = "    " if finding.probability is None else f"{finding.probability:.2f}"
    return f"{finding.time_start:12.6f} s  {finding.seconds:10.6f} s  {finding.label:10} {probability}"


def _show(recording: Recording, summary: Summary, name: str, is_stream: bool) -> None:
    seconds = recording.taken / recording.sample_rate
    rows = [
        [label, share["percent"], share["stretches"], share["probability"]]
        for label, share in summary.as_dict().items()
    ]
    title = f"{recording.source}: {seconds:.6g} s at {recording.sample_rate:g} samples/s"
    Table(title, ["modulation", "% of time", "stretches", "probability"], rows).print()
    if not is_stream:
        rows = [
            [f"{row.time_start:.6f}", f"{row.seconds:.6f}", row.label, row.probability, row.power_db]
            for row in summary.first
        ]
        title = "the first stretches" if summary.stretches > len(summary.first) else "stretches"
        Table(title, ["start, s", "length, s", "modulation", "probability", "power, dB"], rows).print()
    if summary.stretches > len(summary.first) and not is_stream:
        print(f"{summary.stretches - len(summary.first)} more in {name}.modulations.csv")
    for note in recording.notes:
        print(f"note: {note}")


def load_network(networks: Mapping[str, Sequence[str]], device: str, trust: bool, threads: int | None) -> Recogniser:
    """The network that a command line names: a config with its checkpoint, an ONNX file, or none for the suite's own.

    Raises:
        ConfigError: if a teacher is named too, or the suite's own is not there.
        CheckpointError: if it can't be loaded.
    """
    if "teacher" in networks:
        raise ConfigError("expected one network for recordings but found --teacher too; leave it out")
    for paths in networks.values():
        return load_onnx(*paths, threads) if len(paths) == 1 else load_checkpoint(*paths, device, trust)
    if not DEFAULT_NETWORK.is_file():
        raise ConfigError(
            f"expected the network that comes with the suite at {DEFAULT_NETWORK} but found none; name one: "
            "NETWORK.onnx, or CONFIG CHECKPOINT, before the recordings"
        )
    return load_onnx(DEFAULT_NETWORK, threads)


def predict(
    networks: Mapping[str, Sequence[str]],
    inputs: Sequence[str],
    out: str | Path,
    device: str = "cpu",
    trust: bool = False,
    sample_rate: float | None = None,
    datatype: str | None = None,
    in_place: bool = False,
    threads: int | None = None,
    freq_shift: float = 0.0,
    resample: str | None = None,
    symbol_rate: float | None = None,
    hop: int | None = None,
    vote: int = Settings.vote,
    threshold: float = Settings.threshold,
    noise_gate: float | None = None,
) -> tuple[str, list[str]]:
    """Tell the modulations in recordings.

    Args:
        networks: name -> (config, checkpoint) or (ONNX file, ); empty for the one that comes with the suite.
        inputs: what `tasks.amr.iq_files.open_recording` opens.
        out: folder for the results.
        device: ``'cpu'`` or ``'cuda'``; ONNX files run on the CPU.
        trust: unpickle any object in the checkpoint.
        sample_rate: samples per second, for recordings that do not tell; goes before what they tell.
        datatype: of raw files and streams.
        in_place: write annotations into the metadata of the SigMF recordings themselves.
        threads: of onnxruntime; by default one per core.
        freq_shift, resample, symbol_rate, hop, vote, threshold, noise_gate: see `Settings`.

    Returns:
        A line about what was done and how fast, and why recordings were skipped, one line each.

    Raises:
        UserError: whatever is wrong with the options or the network; with the recording, if there is but one.
    """
    settings = Settings(freq_shift, resample, symbol_rate, hop, vote, threshold, noise_gate)
    network = load_network(networks, device, trust, threads)
    names = _file_names(inputs)
    start, samples, seconds, skipped = time.perf_counter(), 0, 0.0, []
    for source, name in zip(inputs, names, strict=True):
        try:
            recording = open_recording(source, datatype, sample_rate)
            predict_recording(recording, network, settings, Path(out), name, in_place)
        except UserError as error:
            if len(inputs) == 1:
                raise
            skipped.append(str(error))
            continue
        samples += recording.taken
        seconds += recording.taken / recording.sample_rate
    if len(skipped) == len(inputs):
        return "no recording could be read", skipped
    took = time.perf_counter() - start
    done = f"{samples / 1e6:.3g} million samples, {seconds:.3g} s of signal, in {took:.1f} s"
    return f"{done} ({samples / took / 1e6:.2f} million samples/s); results in {out}", skipped


def _file_names(inputs: Sequence[str]) -> list[str]:
    """A name for the results of each input; those of the same name are numbered."""
    names: list[str] = []
    for source in inputs:
        stem = "stdin" if source == STREAM else Path(source).stem
        numbered = (f"{stem}_{number}" for number in count(2))
        names.append(next(name for name in chain([stem], numbered) if name not in names))
    return names
