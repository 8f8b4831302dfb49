"""Frames of one modulation at one SNR label: source, channel, window, scale."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from data_prep.amr.channel import FrozenRun, clock_cycles, fade, frozen_run, noise_amplitude, path_gains, unit_noise
from data_prep.amr.modulate import modulated, run_samples
from data_prep.amr.pulse import INTERPOLATOR_TAPS, interpolate
from data_prep.amr.recipe import Recipe
from data_prep.amr.streams import FrameStreams

_FIRST_WINDOW = 450  # samples: randint(50, 500)
_ADVANCE = 0.05  # of a run: randint(length, round(0.05 run))
_WINDOWS = 60  # about 37 fit into a run; more are cut off


def make_frames(recipe: Recipe, seed: int, mod: str, snr: int, frames: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
    """Make frames in RadioML's form.

    Args:
        recipe: how.
        seed: of the set.
        mod: modulation.
        snr: label in dB.
        frames: numbers of the F frames; each depends on its number and the arguments above, and on nothing else.

    Returns:
        Frames ``float32 [F, 2, length]`` (I, Q) scaled so that sum|x| = 1, and the SNR of each in dB over the whole
        band as measured on its own signal and noise, ``float32 [F]`` (-inf without signal, inf without noise).
    """
    signal, noise = signal_and_noise(recipe, seed, mod, snr, frames)
    received = signal + noise
    received /= np.maximum(np.abs(received).sum(axis=1, keepdims=True), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = 10 * np.log10(_power(signal)) - 10 * np.log10(_power(noise))
    return np.stack([received.real, received.imag], axis=1).astype(np.float32), measured.astype(np.float32)


def frame_sps(recipe: Recipe, seed: int, mod: str, snr: int, frames: Iterable[int]) -> np.ndarray:
    """Samples per symbol of the frames that `make_frames` makes, ``int16 [F]``."""
    kinds = recipe.kinds()
    drawn = _draw_kinds(recipe, FrameStreams(seed, mod, snr, frames))
    return np.array([kind.sps for kind in kinds], np.int16)[drawn]


def frame_starts(recipe: Recipe, seed: int, mod: str, snr: int, frames: Iterable[int]) -> np.ndarray:
    """Samples of the run at which the frames that `make_frames` makes begin, ``int [F]``."""
    kinds, streams = recipe.kinds(), FrameStreams(seed, mod, snr, frames)
    drawn, starts = _draw_kinds(recipe, streams), np.empty(len(streams), np.intp)
    for number in np.unique(drawn):
        rows = np.flatnonzero(drawn == number)
        starts[rows] = window_start(kinds[number], streams.of(rows), run_samples(mod, kinds[number]))
    return starts


def signal_and_noise(
    recipe: Recipe, seed: int, mod: str, snr: int, frames: Iterable[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The two parts of the received frames before scaling, ``complex128 [F, length]`` each."""
    kinds, streams = recipe.kinds(), FrameStreams(seed, mod, snr, frames)
    drawn = _draw_kinds(recipe, streams)
    signal, noise = (np.empty((len(streams), recipe.length), complex) for _ in range(2))
    for number in np.unique(drawn):
        rows = np.flatnonzero(drawn == number)
        signal[rows], noise[rows] = _received_parts(kinds[number], mod, streams.of(rows), snr)
    return signal, noise


def _draw_kinds(recipe: Recipe, streams: FrameStreams) -> np.ndarray:
    """Which of the recipe's kinds each frame is, ``int [F]``; without a draw where there is but one."""
    count = len(recipe.kinds())
    return streams.integers(count) if count > 1 else np.zeros(len(streams), int)


def _received_parts(recipe: Recipe, mod: str, streams: FrameStreams, snr: int) -> tuple[np.ndarray, np.ndarray]:
    length, before = recipe.length, recipe.channel_taps - 1
    run_length = run_samples(mod, recipe)
    run = frozen_run(recipe, run_length) if recipe.frozen_channel else None
    # Every number is drawn, used or not, and the source last: a frame keeps its noise when an impairment is switched.
    start = window_start(recipe, streams, run_length)
    late, turns = _clocks(recipe, streams, start - before, before + length, run)
    gains = path_gains(recipe, streams, start, length)
    phase = streams.uniform(0, 2 * np.pi, 1)
    noise = unit_noise(streams, length)
    if run is not None:
        noise = run.noise[start[:, None] + np.arange(length)]

    signal = _heard(recipe, mod, streams, start - before, late)
    if "clock" in recipe.impairments:
        signal = signal * np.exp(2j * np.pi * turns)
    signal = fade(recipe, signal, gains) if "fading" in recipe.impairments else signal[:, before:]
    if "phase" in recipe.impairments:
        signal = signal * np.exp(1j * phase)
    amplitude = noise_amplitude(recipe, snr, signal) if "awgn" in recipe.impairments else 0.0
    return signal, amplitude * noise


def window_start(recipe: Recipe, streams: FrameStreams, run_length: int) -> np.ndarray:
    """Where in a run each frame begins, ``int [F]``: at one of the windows that the published script would cut.

    The first begins 0..450 samples after ``recipe.skip``, each next one ``length`` samples to 5 % of the run later; one
    of those that fit is taken. So the start of a run, where filters start up, is seen as often as in the script.
    """
    most = max(recipe.length + 1, round(_ADVANCE * run_length))
    first = recipe.skip + np.floor(streams.uniform(0, _FIRST_WINDOW, 1))
    windows = np.concatenate([first, np.floor(streams.uniform(recipe.length, most, _WINDOWS))], axis=1).cumsum(axis=1)
    fitting = np.sum(windows <= run_length - recipe.length, axis=1)
    taken = np.floor(streams.uniform(0, 1) * fitting).astype(np.intp)
    return windows[np.arange(len(windows)), taken].astype(np.intp)


def _clocks(
    recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int, run: FrozenRun | None
) -> tuple[np.ndarray, np.ndarray]:
    """Samples by which the sampling clock is ahead, and cycles by which the carrier is, ``[F, count]`` each."""
    late = clock_cycles(recipe.sro_max, recipe.sro_step, recipe, streams, start, count)
    turns = clock_cycles(recipe.cfo_max, recipe.cfo_step, recipe, streams, start, count)
    fraction = streams.uniform(0, 1, 1)
    if run is not None:
        here = start[:, None] + np.arange(count)
        return run.sro[here], run.cfo[here]
    return (late + fraction if recipe.uniform_clock else late), turns


def _heard(recipe: Recipe, mod: str, streams: FrameStreams, start: np.ndarray, late: np.ndarray) -> np.ndarray:
    """The modulated signal at the samples of a receiver whose clock is ahead by ``late [F, N]``: ``[F, N]``."""
    count = late.shape[1]
    drift = int(np.ceil(recipe.sro_max / recipe.sample_rate * count)) + 1
    margin = INTERPOLATOR_TAPS // 2 + drift
    if "clock" not in recipe.impairments:
        return modulated(mod, recipe, streams, start - margin, count + 2 * margin)[:, margin : margin + count]
    # A walk may be whole samples ahead at the frame's start: they move the place in the run.
    whole = np.zeros(len(late), np.intp) if recipe.uniform_clock else np.floor(late[:, 0]).astype(np.intp)
    signal = modulated(mod, recipe, streams, start + whole - margin, count + 2 * margin)
    return interpolate(signal, margin + np.arange(count) + (late - whole[:, None]))


def _power(signal: np.ndarray) -> np.ndarray:
    return np.mean(np.abs(signal) ** 2, axis=1)
