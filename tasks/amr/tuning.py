"""A stream of samples moved in frequency and brought to another rate, block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from scipy.signal import firwin, upfirdn

from common.errors import ConfigError

# Of the rate: 10 ppm is a hundredth of a sample in a frame of 1,024.
RATE_TOLERANCE = 1e-5
MOST_UP, MOST_DOWN = 64, 4096
# As scipy.signal.resample_poly filters: 10 zero crossings on each side, stopped by some 60 dB.
ZERO_CROSSINGS, KAISER_BETA = 10, 5.0
_PIECE = 1 << 18  # samples that are filtered at once, before or after, whichever are more


def shift_frequency(blocks: Iterable[np.ndarray], shift: float, sample_rate: float) -> Iterator[np.ndarray]:
    r"""Move the spectrum up by ``shift``: :math:`y_n = x_n e^{2 \pi j n f / f_s}`, n counted through all blocks.

    Args:
        blocks: complex64 ``[n]`` each.
        shift: f in Hz; a signal at +25 kHz comes to the middle with -25e3.
        sample_rate: f_s in Hz.
    """
    turns, done = shift / sample_rate, 0
    for block in blocks:
        # Whole turns are taken off before the block's own are added, or the phase would lose digits in time.
        phase = 2 * np.pi * (done * turns % 1.0 + np.arange(len(block)) * turns)
        yield (block * np.exp(1j * phase)).astype(np.complex64)
        done += len(block)


def rate_ratio(target: float, sample_rate: float) -> Fraction:
    """The simplest ratio of rates that is right within 10 ppm.

    Raises:
        ConfigError: if it lies outside 1/4096 to 64.
    """
    wanted = target / sample_rate
    if not 1 / MOST_DOWN <= wanted <= MOST_UP:
        raise ConfigError(
            f"expected to resample by a factor of 1/{MOST_DOWN} to {MOST_UP} but found {sample_rate:g} Hz to "
            f"{target:g} Hz; check the rates"
        )
    for bits in range(64):
        ratio = Fraction(wanted).limit_denominator(1 << bits)
        if abs(ratio - Fraction(wanted)) <= RATE_TOLERANCE * wanted:
            break
    return ratio


def resample_stream(blocks: Iterable[np.ndarray], ratio: Fraction) -> Iterator[np.ndarray]:
    """Resample a stream by a rational factor up/down with one polyphase low-pass filter.

    The samples are those that `scipy.signal.resample_poly` gives for the whole stream, however it is cut into blocks:
    ``ceil(n * up / down)`` of n, sample m at time ``m * down / up``, zeros taken before the first and after the last.

    Args:
        blocks: complex64 ``[n]`` each.
        ratio: rate after over rate before.
    """
    if ratio == 1:
        yield from blocks
        return
    resampler = _Resampler(ratio.numerator, ratio.denominator)
    piece = max(1, int(_PIECE / max(1, ratio)))
    for block in blocks:
        for start in range(0, len(block), piece):
            out = resampler.push(block[start : start + piece])
            if len(out):
                yield out
    out = resampler.flush()
    if len(out):
        yield out


class _Resampler:
    """Takes ``down`` samples at a time and gives ``up`` for them, so that each block meets the filter in one phase."""

    def __init__(self, up: int, down: int):
        half = ZERO_CROSSINGS * max(up, down)
        taps = up * firwin(2 * half + 1, 1 / max(up, down), window=("kaiser", KAISER_BETA))
        ahead = -half % down  # zeros that make the filter's delay a whole number of samples
        self._taps = np.concatenate([np.zeros(ahead), taps]).astype(np.float32)
        self._up, self._down = up, down
        self._late = (half + ahead) // down  # samples that come out before the first that is wanted
        reach = math.ceil(len(self._taps) / up)
        self._past = np.zeros(math.ceil(reach / down) * down, np.complex64)
        self._rest = np.empty(0, np.complex64)
        self._taken = self._given = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """Resampled samples, as far as the input reaches."""
        self._taken += len(block)
        return self._filter(block)

    def flush(self) -> np.ndarray:
        """The rest."""
        total = -(-self._taken * self._up // self._down)
        missing = total - self._given
        zeros = (missing + self._late) * self._down // self._up + self._down
        return self._filter(np.zeros(zeros, np.complex64))[:missing]

    def _filter(self, block: np.ndarray) -> np.ndarray:
        block = np.concatenate([self._rest, block])
        whole = len(block) // self._down * self._down
        block, self._rest = block[:whole], block[whole:]
        if not whole:
            return block
        past = len(self._past)
        block = np.concatenate([self._past, block])
        out = upfirdn(self._taps, block, self._up, self._down)
        self._past = block[-past:]
        out = out[past * self._up // self._down : len(block) * self._up // self._down]
        early = min(self._late, len(out))
        self._late -= early
        out = out[early:].astype(np.complex64, copy=False)
        self._given += len(out)
        return out
