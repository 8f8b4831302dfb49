"""How a recording comes to a network's ears: rate, windows, gate and votes; and what is heard, stretch by stretch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import ConfigError, DataError
from tasks.amr.iq_files import Recording
from tasks.amr.recogniser import Recogniser, SignalInfo
from tasks.amr.result_files import Finding
from tasks.amr.spectrum import MOST_WINDOWS, Spectrum
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

AS_NETWORK = "network"
FLOOR_RISE = 1.0  # dB per second; ours: slow beside bursts, fast beside a receiver that warms up
# Windows that tell the first floor. A file can be looked into far ahead (8 MB of windows of 256 samples), a stream not.
SETTLE, SETTLE_STREAM = 4096, 256
MOST_VOTES = 1_000_000  # windows: their scores wait in memory, 56 MB for 14 classes
STREAM_SECONDS = 1.0  # a stream's steady signal is told again after so long


@dataclass(frozen=True)
class Settings:
    """How a recording is listened to.

    Attributes:
        freq_shift: in Hz, upwards, before anything else.
        resample: rate that the network hears: in Hz ('200e3'), in samples per symbol ('8sps'), that of the signals it
            was trained on ('network'), or None for the recording's own.
        symbol_rate: of the signal, in symbols per second, where it is known; with it, 'network' is the default.
        hop: samples from one window to the next, after resampling; by default the window's length.
        vote: windows that are decided on together, at most `MOST_VOTES`.
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
            f"--vote of 1 to {MOST_VOTES:,} windows": (self.vote, 1 <= self.vote <= MOST_VOTES),
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
        spectrum: of what it has heard so far, and of what is not noise by the gate.
        samples_per_symbol: that it hears, where the symbol rate is known.
    """

    rate: float
    timeline: Timeline
    stretches: Iterator[Stretch]
    spectrum: Spectrum
    samples_per_symbol: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """What the network hears, in plain values."""
        return {
            "heard_rate": self.rate,
            "resampled_by": str(self.timeline.ratio),
            "samples_per_symbol": self.samples_per_symbol,
            "window_samples": self.timeline.length,
            "window_seconds": self.timeline.length / self.rate,
        }


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
    settle = SETTLE_STREAM if recording.samples is None else SETTLE
    gated = gate_noise(windows, settings.noise_gate, FLOOR_RISE * timeline.hop / heard, settle)
    expected = (recording.samples or 0) * ratio / timeline.hop
    spectrum = Spectrum(timeline.length, every=max(1, math.ceil(expected / MOST_WINDOWS)))
    scored = score_live(spectrum.watch(gated), network.log_probabilities, len(info.classes))
    votes = soft_vote(scored, settings.vote, settings.threshold)
    longest = math.inf if recording.samples is not None else STREAM_SECONDS * heard / timeline.hop
    per_symbol = None if settings.symbol_rate is None else heard / settings.symbol_rate
    return Listening(heard, timeline, join_votes(votes, longest), spectrum, per_symbol)


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
