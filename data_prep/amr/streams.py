"""Random numbers of which every frame has its own."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from copy import copy

import numpy as np

from common.modulations import canonical

# Labels are shifted by this: numpy's spawn keys are not negative.
_LABEL_OFFSET = 1 << 15


class FrameStreams:
    """One random generator for each frame of a block, seeded by (seed, modulation, SNR label, frame).

    Every draw returns an array whose row i depends on frame i alone, so that a block's arithmetic runs over all frames
    at once while a frame never depends on which others are made beside it, or by which process.

    Args:
        seed: of the set.
        mod: modulation; both spellings of a name give the same stream.
        snr: label in dB.
        frames: numbers of the frames.
    """

    def __init__(self, seed: int, mod: str, snr: int, frames: Iterable[int]) -> None:
        name = zlib.crc32(canonical(mod).encode())
        keys = ((name, snr + _LABEL_OFFSET, frame) for frame in frames)
        self._generators = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)) for key in keys]

    def of(self, rows: Iterable[int]) -> FrameStreams:
        """The streams of some of the frames, which go on from where they are."""
        some = copy(self)
        some._generators = [self._generators[row] for row in rows]
        return some

    def __len__(self) -> int:
        return len(self._generators)

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """``float64 [F, *shape]`` in ``[low, high)``."""
        return low + (high - low) * self._draw(lambda rng: rng.random(shape))

    def normal(self, *shape: int) -> np.ndarray:
        """``float64 [F, *shape]`` of mean 0 and variance 1."""
        return self._draw(lambda rng: rng.standard_normal(shape))

    def integers(self, high: int, *shape: int) -> np.ndarray:
        """``int64 [F, *shape]`` of 0..high-1."""
        return self._draw(lambda rng: rng.integers(high, size=shape))

    def _draw(self, one: Callable[[np.random.Generator], np.ndarray]) -> np.ndarray:
        return np.stack([one(rng) for rng in self._generators])
