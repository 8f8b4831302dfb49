"""Properties of frames by which two sets can be compared, whatever the scale and phase of their frames."""

from __future__ import annotations

import numpy as np

_QUIET = 0.2  # share of the band that is taken for noise alone


def power_spectrum(frames: np.ndarray) -> np.ndarray:
    """Spectrum of the typical frame: the median over frames of each bin, so that a few odd frames do not count.

    Args:
        frames: ``[F, 2, L]``.

    Returns:
        ``float64 [L]`` from -1/2 to 1/2 of the sample rate, Blackman window, of sum 1.
    """
    signal = frames[:, 0].astype(float) + 1j * frames[:, 1]
    power = np.abs(np.fft.fftshift(np.fft.fft(signal * np.blackman(signal.shape[1])), axes=1)) ** 2
    total = power.sum(axis=1, keepdims=True)
    typical = np.median(power / np.where(total > 0, total, 1), axis=0)
    return typical / max(typical.sum(), np.finfo(float).tiny)


def bandwidth(spectrum: np.ndarray, share: float = 0.99) -> float:
    """Fraction of the band whose strongest bins hold ``share`` of the power; smaller than the grid by interpolation."""
    held = np.concatenate([[0.0], np.cumsum(np.sort(spectrum)[::-1])])
    return float(np.interp(share * held[-1], held, np.arange(len(held)))) / len(spectrum)


def spectrum_differences(a: np.ndarray, b: np.ndarray, depth_db: float = 20.0) -> np.ndarray:
    """Size of the difference in dB of two spectra at each bin where either is within ``depth_db`` of its peak."""
    shown = (a > a.max() * 10 ** (-depth_db / 10)) | (b > b.max() * 10 ** (-depth_db / 10))
    return np.abs(10 * np.log10(a[shown] / b[shown]))


def envelope_spread(frames: np.ndarray) -> np.ndarray:
    """std|x| / mean|x| of each frame, ``float64 [F]``; 0 for a constant envelope, 0.52 for complex white noise."""
    envelope = np.hypot(frames[:, 0].astype(float), frames[:, 1])
    return envelope.std(axis=1) / envelope.mean(axis=1)


def blind_snr(spectrum: np.ndarray) -> float:
    """SNR in dB over the whole band, taking the quietest fifth of the spectrum for the noise.

    For signals that leave that much of the band empty; about -10 dB or less cannot be told from noise. Up to 1.6 dB
    high for `power_spectrum`, whose median lies below the mean of noise but at the power of a tone.
    """
    bins = len(spectrum)
    noise = np.sort(spectrum)[: max(1, int(_QUIET * bins))].mean() * bins
    return float(10 * np.log10(max(spectrum.sum() - noise, 1e-12) / max(noise, 1e-12)))
