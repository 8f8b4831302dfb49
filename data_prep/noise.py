"""Noise that paints surfaces of generated pictures."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator


def noise_tile(rng: Generator, size: int = 256, slope: float = 1.0) -> np.ndarray:
    """Periodic noise with amplitude spectrum ``1 / frequency**slope``; float32 ``[size, size]``, mean 0, std 1."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / frequency**slope
    tile = np.fft.irfft2(spectrum, (size, size)).astype(np.float32)
    return tile / tile.std()


def grain_of(rng: Generator, shape: tuple[int, int], tile: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """A random window of the tile, stretched by ``scale`` to ``shape``; float32 ``[h, w, 1]``."""
    rows = (np.arange(shape[0]) / scale).astype(int) + rng.integers(tile.shape[0])
    columns = (np.arange(shape[1]) / scale).astype(int) + rng.integers(tile.shape[1])
    return tile[np.ix_(rows % tile.shape[0], columns % tile.shape[1])][..., None]
