"""Frames in memory, each at an SNR of its own: what a network for unknown captures is trained on.

recipe = make_recipe("wide", length=1024, sps=(4, 8, 16))
drawn = draw_frames(recipe, MOD_SETS["all"], snrs=(-6, 30), count=500, seed=1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import ConfigError
from data_prep.amr.frames import as_frames, received_parts
from data_prep.amr.recipe import LABEL_RANGE, Extent, Recipe, check_extent
from data_prep.amr.streams import FrameStreams

_BLOCK_SAMPLES = 1 << 16
_NO_LABEL = LABEL_RANGE[1] + 1  # whose streams no frame of a labelled set has


@dataclass(frozen=True)
class DrawnFrames:
    """N frames, modulation by modulation.

    Attributes:
        frames: ``float32 [N, 2, length]`` (I, Q), scaled so that sum|x| = 1.
        labels: index of the modulation among those that were asked for, ``int64 [N]``.
        snr: as drawn, in dB, ``float32 [N]``.
        sps: samples per symbol, ``int16 [N]``; says nothing of analog modulations.
    """

    frames: np.ndarray
    labels: np.ndarray
    snr: np.ndarray
    sps: np.ndarray


def draw_frames(
    recipe: Recipe, mods: Sequence[str], snrs: tuple[float, float], count: int, seed: int = 0, first: int = 0
) -> DrawnFrames:
    """Draw frames whose SNR lies anywhere in a range.

    What else differs from frame to frame is the recipe's: with that of ``make_recipe("wide")`` samples per symbol and
    roll-off out of its lists, carrier offset, sampling instant, phase, and the fading of three paths; ``length`` and
    every other constant are arguments of `make_recipe`. No frame is one of a set that `data_prep.amr.generate` wrote.

    Args:
        recipe: how frames are made.
        mods: modulations, each once.
        snrs: lowest and highest label in dB, between which they are uniform.
        count: frames of each modulation.
        seed: of the draw.
        first: number of the first frame; a frame depends on its number, the seed, its modulation and the recipe alone,
            so that a draw can be continued, or split among processes.

    Returns:
        ``len(mods) * count`` frames.

    Raises:
        ConfigError: for an unknown modulation, a range upside down or out of -100..100 dB, or a count below 1.
    """
    low, high = snrs
    if not LABEL_RANGE[0] <= low <= high <= LABEL_RANGE[1]:
        raise ConfigError(f"expected SNRs as (lowest, highest) within {LABEL_RANGE} dB but found {snrs}")
    if first < 0:
        raise ConfigError(f"expected the number of the first frame to be >= 0 but found {first}")
    check_extent(Extent(tuple(mods), (0,), count, seed), recipe)
    total = len(mods) * count
    drawn = DrawnFrames(
        np.empty((total, 2, recipe.length), np.float32),
        np.repeat(np.arange(len(mods)), count),
        np.empty(total, np.float32),
        np.empty(total, np.int16),
    )
    size = max(1, _BLOCK_SAMPLES // recipe.length)
    for place, mod in enumerate(mods):
        for start in range(0, count, size):
            stop = min(start + size, count)
            rows = slice(place * count + start, place * count + stop)
            streams = FrameStreams(seed, mod, _NO_LABEL, range(first + start, first + stop))
            snr = streams.uniform(low, high)
            signal, noise, drawn.sps[rows] = received_parts(recipe, mod, streams, snr)
            drawn.frames[rows], _ = as_frames(signal, noise)
            drawn.snr[rows] = snr
    return drawn
