"""Where the power of what a network hears lies, and how much of it looks like noise; told by some of its windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import get_window

# Of 256 samples each, these are 11 ms of work, however long the recording; fewer than the least tell nothing.
MOST_WINDOWS, LEAST_WINDOWS = 1024, 32
# Ours, in cycles per sample. Generated carriers are off by up to 0.01, and AM-SSB lies up to 0.009 beside its own;
# fading tilts wide spectra by some of their spread (standard deviation), which is 0.08 at 4 samples a symbol.
CENTRED, TILT, MOST_TILT = 0.02, 0.5, 0.05
UNSURE = 0.1
# Pieces of a spectrum are what lies over this multiple of its lower quartile. Broad FM may break into some around 0 Hz.
PIECE = 10**0.2
ALMOST_ALL, CENTRED_PIECE = 0.9, 0.1
LAGS = 3
# 99 % of windows of white noise lie below it: a sum of three exponential variables.
WHITE = 8.41


@dataclass(frozen=True)
class Place:
    """Where in the spectrum power lies.

    Attributes:
        frequency: its centre, in cycles per sample, from -0.5 to 0.5.
        is_piece: whether there is more of it elsewhere.
    """

    frequency: float
    is_piece: bool


class Spectrum:
    r"""Looks at windows on their way to a network, at so many at most and in memory that does not grow with them.

    The power-weighted centre of a spectrum is the phase of the autocorrelation at lag 1 (the pulse-pair estimate of
    weather radars [0]): :math:`r_k = \overline{x_{n+k} x_n^*} = \sum_f P_f e^{2 \pi j f k}`, in which white noise, of
    one power at all frequencies, cancels, so that no noise floor has to be taken off. The spread is that of a Gaussian
    spectrum, :math:`|r_k| \propto e^{-(2 \pi \sigma k)^2 / 2}`, from lags 1 and 2.

    Args:
        length: samples L of a window.
        every: one of so many windows is looked at.

    Attributes:
        windows: how many were looked at.

    [0] Miller and Rochwarger, A Covariance Approach to Spectral Moment Estimation, IEEE Trans. Inf. Theory, 1972.
    """

    def __init__(self, length: int, every: int = 1):
        self.windows = 0
        self._every, self._passed = every, 0
        self._taper = get_window("hann", length)
        self._power = np.zeros(length)
        self._correlations = np.empty((0, LAGS + 1), complex)

    @property
    def is_full(self) -> bool:
        """Whether it has looked at as many as it ever will."""
        return self.windows >= MOST_WINDOWS

    def watch(
        self, gated: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Look at those windows that have a signal, and hand on all.

        Args:
            gated: what `tasks.amr.streaming.gate_noise` gives.
        """
        for windows, power, live in gated:
            if not self.is_full:
                chosen = slice(-self._passed % self._every, None, self._every)
                self._look_at(windows[chosen][live[chosen]][: MOST_WINDOWS - self.windows])
                self._passed += len(windows)
            yield windows, power, live

    def _look_at(self, windows: np.ndarray) -> None:
        samples = windows[:, 0].astype(np.float64) + 1j * windows[:, 1]
        length = samples.shape[1]
        lagged = [(samples[:, lag:] * samples[:, : length - lag].conj()).mean(axis=1) for lag in range(LAGS + 1)]
        self._correlations = np.concatenate([self._correlations, np.stack(lagged, axis=1)])
        self._power += (np.abs(np.fft.fft(samples * self._taper)) ** 2).sum(axis=0)
        self.windows += len(windows)

    def white_share(self) -> float:
        r"""Share, 0 to 1, of windows that look like white noise, of which :math:`L \sum_{k=1}^3 |r_k|^2 / r_0^2` is the
        sum of three exponential variables; 0 where there are too few to tell.
        """
        if self.windows < LEAST_WINDOWS:
            return 0.0
        found = np.abs(self._correlations[:, 1:] / self._correlations[:, :1]) ** 2
        return float(np.mean(len(self._power) * found.sum(axis=1) < WHITE))

    def off_centre(self) -> Place | None:
        """Where power lies that is certainly not around 0 Hz; None too where there are too few windows to tell."""
        if self.windows < LEAST_WINDOWS:
            return None
        first = self._correlations[:, 1]
        mean, second = self._correlations[:, 1:3].mean(axis=0)
        if not (mean and second):
            return None
        spread = np.sqrt(2 / 3 * max(0.0, np.log(abs(mean / second)))) / (2 * np.pi)
        frequency = np.angle(mean) / (2 * np.pi)
        error = 3 * (first / mean).imag.std() / (2 * np.pi) / np.sqrt(self.windows)
        if error > UNSURE or abs(frequency) - error < max(CENTRED, min(TILT * spread, MOST_TILT)):
            return None
        piece, share = self._strongest_piece()
        if share > ALMOST_ALL:
            return Place(float(frequency), False)
        return Place(piece, True) if abs(piece) > CENTRED_PIECE else None

    def _strongest_piece(self) -> tuple[float, float]:
        """Centre of the piece with most power, in cycles per sample, and its share of the power in all pieces."""
        power = uniform_filter1d(self._power, max(1, len(self._power) // 16), mode="wrap")
        start = int(np.argmin(power))  # frequencies go round: pieces are counted from where there is none
        turns, power = np.roll(np.fft.fftfreq(len(power)), -start), np.roll(power, -start)
        floor = np.quantile(power, 0.25)
        is_over = power > PIECE * floor
        excess = (power - floor) * is_over
        pieces = np.cumsum(np.diff(is_over, prepend=False) & is_over)
        powers = np.bincount(pieces, excess)
        strongest = excess * (pieces == powers.argmax())
        share = float(powers.max() / powers.sum()) if is_over.any() else 1.0
        return float(np.angle(strongest @ np.exp(2j * np.pi * turns)) / (2 * np.pi)), share
