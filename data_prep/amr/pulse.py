"""Filters: root-raised-cosine and Gaussian pulses, and the interpolator behind the sampling clock's error."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SPAN = 88  # symbols; 2816 taps at 32 per symbol in the published script
INTERPOLATOR_TAPS = 16
_INTERPOLATOR_STEPS = 4096


@lru_cache
def rrc_taps(sps: int, rolloff: float) -> np.ndarray:
    r"""Root-raised-cosine pulse over 88 symbols, ``float64 [88 sps + 1]``, with sum ``sps``.

    With :math:`x = n / sps` in symbols from the centre and roll-off :math:`a`,

    .. math:: h(x) = \frac{\sin(\pi x (1-a)) + 4 a x \cos(\pi x (1+a))}{\pi x (1 - (4 a x)^2)}

    Symbols of power 1 give an average output power of 1 (0.9999 at 8 samples per symbol).
    """
    x = np.arange(-SPAN * sps // 2, SPAN * sps // 2 + 1) / sps
    with np.errstate(divide="ignore", invalid="ignore"):
        taps = (np.sin(np.pi * x * (1 - rolloff)) + 4 * rolloff * x * np.cos(np.pi * x * (1 + rolloff))) / (
            np.pi * x * (1 - (4 * rolloff * x) ** 2)
        )
    taps[x == 0] = 1 - rolloff + 4 * rolloff / np.pi
    # the limit where 4 a |x| = 1
    angle = np.pi / (4 * rolloff)
    limit = rolloff / np.sqrt(2) * ((1 + 2 / np.pi) * np.sin(angle) + (1 - 2 / np.pi) * np.cos(angle))
    taps[np.isclose(4 * rolloff * np.abs(x), 1)] = limit
    return taps * (sps / taps.sum())


@lru_cache
def gaussian_pulse(sps: int, bt: float) -> np.ndarray:
    r"""Frequency pulse of GFSK: a Gaussian of sum 1 over 4 symbols, smeared over one symbol; ``float64 [5 sps - 1]``.

    :math:`\exp(-\frac12 (2 \pi \, bt \, t / \sqrt{\ln 2})^2)` with t in symbols. Its sum is ``sps``.
    """
    count = 4 * sps
    t = (np.arange(count) + 1 - count / 2) / sps
    gaussian = np.exp(-0.5 * (2 * np.pi * bt / np.sqrt(np.log(2)) * t) ** 2)
    return np.convolve(gaussian / gaussian.sum(), np.ones(sps))


def symbols_before(taps: np.ndarray, sps: int) -> int:
    """How many earlier symbols reach into a symbol's own samples."""
    return -(-len(taps) // sps) - 1


def pulse_train(symbols: np.ndarray, taps: np.ndarray, sps: int) -> np.ndarray:
    """Sum of a pulse for each symbol, where the pulses of all symbols that matter are there.

    Args:
        symbols: ``[F, symbols_before(taps, sps) + W]``.
        taps: the pulse; it begins at its symbol's first sample.
        sps: samples per symbol.

    Returns:
        ``[F, W sps]``: the samples of the last W symbols.
    """
    before = symbols_before(taps, sps)
    phases = np.zeros((before + 1) * sps)
    phases[: len(taps)] = taps
    width = symbols.shape[1] - before
    wave = np.zeros((len(symbols), width, sps), symbols.dtype)
    # a sum over taps, not a matrix product: BLAS rounds by the shape, and a frame must not depend on its neighbours
    for late, weights in enumerate(phases.reshape(before + 1, sps)):
        wave += symbols[:, before - late : before - late + width, None] * weights
    return wave.reshape(len(symbols), width * sps)


@lru_cache
def interpolation_table() -> np.ndarray:
    """Windowed sinc at 4096 fractions of a sample, ``float64 [4097, 16]``, each row of sum 1.

    Row ``round(4096 mu)`` weighs samples -7..8 for the value at ``mu`` samples behind sample 0.
    """
    fraction = np.arange(_INTERPOLATOR_STEPS + 1)[:, None] / _INTERPOLATOR_STEPS
    distance = np.arange(INTERPOLATOR_TAPS) - (INTERPOLATOR_TAPS // 2 - 1) - fraction
    inside = np.clip(1 - (distance / (INTERPOLATOR_TAPS / 2)) ** 2, 0, None)
    table = np.sinc(distance) * np.i0(7.0 * np.sqrt(inside))
    return table / table.sum(axis=1, keepdims=True)


def interpolate(signal: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Values between the samples.

    Args:
        signal: ``[F, N]``.
        position: ``[F, M]`` in samples, at least 7 and below N - 8.

    Returns:
        ``[F, M]``.
    """
    whole = np.floor(position).astype(np.intp)
    weights = interpolation_table()[np.rint((position - whole) * _INTERPOLATOR_STEPS).astype(np.intp)]
    rows = np.arange(len(signal))[:, None]
    first = whole - (INTERPOLATOR_TAPS // 2 - 1)
    values = np.zeros(position.shape, signal.dtype)
    for tap in range(INTERPOLATOR_TAPS):
        values += signal[rows, first + tap] * weights[..., tap]
    return values
