"""Which modulations a recording holds, and where."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from common.errors import ConfigError, UserError
from common.report import Table, track
from tasks.amr.advice import doubts_after, doubts_before, told_before
from tasks.amr.iq_files import BLOCK, Recording, open_recording
from tasks.amr.listening import Listening, Settings, findings, listen
from tasks.amr.recogniser import Recogniser, load_checkpoint, load_onnx
from tasks.amr.result_files import Band, Finding, Share, Summary, open_results
from tasks.amr.result_names import RESULT_KEY, result_key, result_name
from tasks.amr.streaming import NOISE_NAME

DEFAULT_NETWORK = Path(__file__).parent / "pretrained" / "kdcnn_generated.onnx"
NETWORK_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors", ".onnx")
UNHEARD_NAME = "not heard"
ROWS_SHOWN = 20


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
    print(told_before(network, settings, listening), flush=True)
    recording.notes += doubts_before(network, listening)
    told = _print_notes(recording)
    head = {
        RESULT_KEY: result_key(recording, network),
        "recording": recording.source,
        "sample_rate": recording.sample_rate,
        **listening.as_dict(),
        "network": {"name": network.name, **network.info.as_dict()},
        "settings": asdict(settings),
    }
    summary = Summary(ROWS_SHOWN)
    generator, band = f"distillation-suite, {network.name}", _heard_band(recording, settings, listening)
    is_advised = False
    with open_results(recording, out, name, head, band, generator, in_place) as files:
        for finding in findings(recording, network, listening):
            files.add(finding)
            summary.add(finding)
            if is_stream:
                print(_line(finding), flush=True)
                if listening.spectrum.is_full and not is_advised:
                    recording.notes += doubts_after(settings, listening, recording.sample_rate)
                    told, is_advised = _print_notes(recording, told), True
        if not is_advised:
            recording.notes += doubts_after(settings, listening, recording.sample_rate)
        _account_for_rest(recording, summary, settings, listening)
        files.close(summary, recording.notes)
    _show(recording, summary, name, is_stream)
    _print_notes(recording, told)
    return summary


def _heard_band(recording: Recording, settings: Settings, listening: Listening) -> Band:
    """What the network hears, as far as it lies in the recording's own band."""
    nyquist, half = recording.sample_rate / 2, min(listening.rate, recording.sample_rate) / 2
    return Band(max(-settings.freq_shift - half, -nyquist), min(-settings.freq_shift + half, nyquist))


def _account_for_rest(recording: Recording, summary: Summary, settings: Settings, listening: Listening) -> None:
    """Let the shares add up to the whole recording, and note what of it the network did not hear."""
    length, hop = listening.timeline.length, listening.timeline.hop
    rest = recording.taken - summary.samples
    if rest > 0:
        summary.shares[UNHEARD_NAME] = Share(samples=rest, weighted=math.nan)
        percent = 100 * rest / recording.taken
        where = "at the end, fewer than a window" if hop <= length else "in no window, at the end or between hops"
        recording.notes.append(f"{rest} samples ({percent:.3g} % of the recording) {where}, were not heard")
    if hop > length:
        recording.notes.append(f"of every {hop} samples {hop - length} were skipped: they count as what is around them")
    if NOISE_NAME in summary.shares:
        gate = "silence" if settings.noise_gate is None else f"less than {settings.noise_gate:g} dB over the floor"
        recording.notes.append(f"'{NOISE_NAME}' is {gate}: the network did not hear it")
        is_silent = all(finding.power_db is None for finding in summary.first)
        if settings.noise_gate is not None and set(summary.shares) <= {NOISE_NAME, UNHEARD_NAME} and not is_silent:
            recording.notes.append(
                "the gate found no signal; one that never pauses is its own floor: leave --noise-gate out for it"
            )


def _print_notes(recording: Recording, start: int = 0) -> int:
    """Print the notes from number ``start`` on; returns how many there are."""
    for note in recording.notes[start:]:
        print(f"note: {note}", flush=True)
    return len(recording.notes)


def _line(finding: Finding) -> str:
    probability = "    " if finding.probability is None else f"{finding.probability:.2f}"
    return f"{finding.time_start:12.6f} s  {finding.seconds:10.6f} s  {finding.label:10} {probability}"


def _show(recording: Recording, summary: Summary, name: str, is_stream: bool) -> None:
    seconds = recording.taken / recording.sample_rate
    rows = [
        [label, share["percent"], share["stretches"], share["probability"]]
        for label, share in summary.as_dict().items()
    ]
    title = f"{recording.source}: {seconds:.6g} s at {recording.sample_rate:,.10g} samples/s"
    Table(title, ["modulation", "% of the recording", "stretches", "probability"], rows).print()
    if not is_stream:
        rows = [
            [f"{row.time_start:.6f}", f"{row.seconds:.6f}", row.label, row.probability, row.power_db]
            for row in summary.first
        ]
        title = "the first stretches" if summary.stretches > len(summary.first) else "stretches"
        Table(title, ["start, s", "length, s", "modulation", "probability", "power, dB"], rows).print()
    if summary.stretches > len(summary.first) and not is_stream:
        print(f"{summary.stretches - len(summary.first)} more in {name}.modulations.csv")


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
    network = load_onnx(DEFAULT_NETWORK, threads)
    network.origin = "comes with the suite"
    return network


def _refuse_networks(inputs: Sequence[str]) -> None:
    """A network among the recordings was meant to hear them; the suite's own would answer in its place."""
    for source in inputs:
        suffix = Path(source).suffix.lower()
        if suffix in NETWORK_SUFFIXES:
            before = f"NETWORK{suffix}" if suffix == ".onnx" else f"CONFIG CHECKPOINT{suffix}"
            raise ConfigError(
                f"expected recordings but found the network {source} among them; a network goes first: "
                f"{before} RECORDING ..."
            )


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
        out: folder for the results; those of the same recording by the same network are replaced, whatever the
            settings, while another network's or recording's become ``NAME_2``.
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
    _refuse_networks(inputs)
    network = load_network(networks, device, trust, threads)
    start, samples, seconds, skipped = time.perf_counter(), 0, 0.0, []
    for source in inputs:
        try:
            recording = open_recording(source, datatype, sample_rate)
            name = result_name(recording, network, Path(out))
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
