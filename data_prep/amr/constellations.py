"""The modulations by name, and the points of the linear ones.

Points of BPSK, QPSK, 8PSK, PAM4, QAM16 and QAM64 are those of RadioML 2016.10A. RadioML 2018.01A's generator is not
published: ours for its classes are the non-negative levels of OOK and ASK (TorchSig's ASK is bipolar, which is PAM),
the rings of 128APSK, and the code rates that choose the ring ratios of the other APSK.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from common.modulations import canonical

_PSK = {"BPSK": 2, "8PSK": 8, "16PSK": 16, "32PSK": 32}
_ASK = {"OOK": 2, "4ASK": 4, "8ASK": 8}
# Bits of a side, and of the corners that a cross leaves out.
_QAM = {"16QAM": (4, 0), "32QAM": (6, 1), "64QAM": (8, 0), "128QAM": (12, 2), "256QAM": (16, 0)}
# Rings as (points, radius, angle of the first point / pi). 16 and 32: DVB-S2 (ETSI EN 302 307-1), rate 3/4. 64: DVB-S2X
# (part 2), 8+16+20+20, rate 4/5. 128: ours, neighbours at about pi/4 along each ring and 1 between rings.
_APSK = {
    "16APSK": ((4, 1.0, 1 / 4), (12, 2.85, 1 / 12)),
    "32APSK": ((4, 1.0, 1 / 4), (12, 2.84, 1 / 12), (16, 5.27, 0.0)),
    "64APSK": ((8, 1.0, 1 / 8), (16, 2.2, 1 / 16), (20, 3.6, 1 / 20), (20, 5.2, 1 / 20)),
    "128APSK": ((8, 1.0, 1 / 8), (16, 2.0, 1 / 16), (24, 3.0, 1 / 24), (32, 4.0, 1 / 32), (48, 5.0, 1 / 48)),
}
LINEAR = (*_PSK, "QPSK", *_ASK, "PAM4", *_QAM, *_APSK)
MODULATIONS = (*LINEAR, "OQPSK", "GFSK", "CPFSK", "GMSK", "WBFM", "AM-DSB", "AM-SSB")


@lru_cache
def constellation(mod: str, mean_amplitude: bool = False) -> np.ndarray:
    """Points of a linear modulation (and of OQPSK), ``complex128 [M]``.

    Args:
        mod: name in either spelling.
        mean_amplitude: scale to mean amplitude 1, as GNU Radio's mapper does (power 1.25 for PAM4, 1.1146 for QAM16,
            1.1336 for QAM64), rather than to mean power 1.

    Raises:
        KeyError: if the modulation has no constellation.
    """
    points = _unscaled(canonical(mod))
    scale = np.abs(points).mean() if mean_amplitude else np.sqrt(np.mean(np.abs(points) ** 2))
    points /= scale
    points.setflags(write=False)
    return points


def _unscaled(mod: str) -> np.ndarray:
    if mod in _PSK:
        return np.exp(2j * np.pi * np.arange(_PSK[mod]) / _PSK[mod])
    if mod in ("QPSK", "OQPSK"):
        return np.exp(1j * np.pi * (np.arange(4) / 2 + 1 / 4))
    if mod in _ASK:
        return np.arange(_ASK[mod]).astype(complex)
    if mod == "PAM4":
        return np.array([-3, -1, 1, 3], complex)
    if mod in _QAM:
        return _square(*_QAM[mod])
    rings = [radius * np.exp(1j * (2 * np.pi * np.arange(n) / n + np.pi * turn)) for n, radius, turn in _APSK[mod]]
    return np.concatenate(rings)


def _square(side: int, corner: int) -> np.ndarray:
    """Odd-integer grid of ``side`` x ``side`` points without its four corners of ``corner`` x ``corner``."""
    levels = np.arange(1 - side, side, 2)
    grid = levels[:, None] + 1j * levels[None, :]
    outside = np.abs(levels) > side - 1 - 2 * corner
    return grid[~(outside[:, None] & outside[None, :])].ravel()
