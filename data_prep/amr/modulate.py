"""Noise-free baseband of every modulation, at any place of a run.

A source is asked for ``count`` samples from sample ``start`` (one for each frame) of a run that begins at sample 0; it
makes only the symbols or the audio that matter there.
"""

from __future__ import annotations

import numpy as np

from common.modulations import canonical
from data_prep.amr.analog import AUDIO_RATE, INTERPOLATION, amplitude_modulated, broadcast_fm
from data_prep.amr.constellations import LINEAR, constellation
from data_prep.amr.pulse import gaussian_pulse, pulse_train, rrc_taps, symbols_before
from data_prep.amr.recipe import Recipe
from data_prep.amr.streams import FrameStreams

_AUDIO_SAMPLES = 10_000
# Phase per symbol (rad) and Gaussian bandwidth-time product: GFSK sensitivity 0.1 at 8 samples per symbol and CPFSK
# k = 0.5 as in 10A's script; GMSK ours (2018.01A's is not published).
_GFSK = 0.8, 0.35
_GMSK = np.pi / 2, 0.3
_CPFSK_TURN = np.pi / 2


def run_samples(mod: str, recipe: Recipe) -> int:
    """Length in samples of one run of the published flow graph: 10,000 bits (QAM16 20,000, QAM64 30,000) or 10,000
    audio samples; 5,000 symbols for modulations that it does not know. Longer where 20 frames would not fit.
    """
    mod = canonical(mod)
    symbols = {"BPSK": 10_000, "GFSK": 10_000, "CPFSK": 10_000, "GMSK": 10_000, "8PSK": 3_333}.get(mod, 5_000)
    samples = symbols * recipe.sps
    if mod in ("AM-DSB", "AM-SSB"):
        samples = int(_AUDIO_SAMPLES * recipe.sample_rate / AUDIO_RATE)
    elif mod == "WBFM":
        samples = INTERPOLATION * _AUDIO_SAMPLES
    return max(samples, recipe.skip + 20 * recipe.length)


def modulated(mod: str, recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int) -> np.ndarray:
    """Baseband of one modulation before any channel.

    Args:
        mod: its name in either spelling.
        recipe: samples per symbol, roll-off, scale, audio and the AM-SSB switch.
        streams: random numbers of F frames.
        start: ``int [F]``, the first sample of each.
        count: samples of each.

    Returns:
        ``complex128 [F, count]``.
    """
    mod = canonical(mod)
    if mod in LINEAR:
        return _linear(constellation(mod, recipe.mean_amplitude), recipe, streams, start, count)
    if mod == "OQPSK":
        return _offset_qpsk(recipe, streams, start, count)
    if mod == "CPFSK":
        return _continuous_phase(_CPFSK_TURN, np.ones(recipe.sps), recipe, streams, start, count)
    if mod in ("GFSK", "GMSK"):
        turn, bt = _GFSK if mod == "GFSK" else _GMSK
        return _continuous_phase(turn, gaussian_pulse(recipe.sps, bt), recipe, streams, start, count)
    if mod == "WBFM":
        return broadcast_fm(recipe, streams, start, count)
    return amplitude_modulated(mod, recipe, streams, count)


def _linear(points: np.ndarray, recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int) -> np.ndarray:
    taps = rrc_taps(recipe.sps, recipe.rolloff)
    number, first = _symbols_needed(taps, recipe.sps, start, count)
    symbols = _from_run_start(points[streams.integers(len(points), number)], first)
    return _cut(pulse_train(symbols, taps, recipe.sps), start % recipe.sps, count)


def _offset_qpsk(recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int) -> np.ndarray:
    """QPSK whose quadrature rail is half a symbol late."""
    rail = np.abs(constellation("OQPSK", recipe.mean_amplitude)[0].real) * np.array([-1.0, 1.0])
    in_phase = _linear(rail, recipe, streams, start, count)
    return in_phase + 1j * _linear(rail, recipe, streams, start - recipe.sps // 2, count)


def _continuous_phase(
    turn: float, pulse: np.ndarray, recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int
) -> np.ndarray:
    """Binary frequency modulation of amplitude 1 that turns by ``turn`` radians for each symbol.

    Since nothing before the frame is made, the phase there is drawn: a multiple of ``turn``, as after many symbols.
    """
    number, _ = _symbols_needed(pulse, recipe.sps, start, count)
    symbols = 2.0 * streams.integers(2, number) - 1
    turned = streams.integers(1 << 16)[:, None]
    phase = turn * (np.cumsum(pulse_train(symbols, pulse, recipe.sps), axis=1) / recipe.sps + turned)
    return np.exp(1j * _cut(phase, start % recipe.sps, count))


def _symbols_needed(taps: np.ndarray, sps: int, start: np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """How many symbols reach into the wanted samples, and the number of the first of them in the run, ``[F]``."""
    before = symbols_before(taps, sps)
    return before + -(-(count + sps - 1) // sps), start // sps - before


def _from_run_start(symbols: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Symbols before the run's first are 0: the pulse filter starts up."""
    numbers = first[:, None] + np.arange(symbols.shape[1])
    return np.where(numbers >= 0, symbols, 0)


def _cut(wave: np.ndarray, offset: np.ndarray, count: int) -> np.ndarray:
    return np.take_along_axis(wave, offset[:, None] + np.arange(count), axis=1)
