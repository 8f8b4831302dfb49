"""What frames of IQ samples must be, wherever they come from."""

from __future__ import annotations

import numpy as np

from common.errors import DataError


def all_finite(values: np.ndarray) -> bool:
    """Whether float32 ``values`` of any shape hold neither NaN nor infinity; one pass, and no copy.

    The sum of finite float32 is finite in 64 bits.
    """
    return bool(np.isfinite(values.sum(dtype=np.float64)))


def check_frames(frames: np.ndarray, where: str) -> np.ndarray:
    """Frames ``[n, 2, L]`` as float32, once they are finite real numbers.

    Raises:
        DataError: for anything else; names ``where`` and the first bad frame.
    """
    if frames.ndim != 3 or frames.shape[1] != 2 or 0 in frames.shape:
        raise DataError(f"expected frames [n, 2, L] but found shape {frames.shape} in {where}")
    if frames.dtype.kind != "f":
        raise DataError(f"expected float32 frames but found {frames.dtype} in {where}")
    frames = np.asarray(frames, np.float32)
    if not all_finite(frames):
        bad = np.flatnonzero(~np.isfinite(frames).all(axis=(1, 2)))
        raise DataError(
            f"expected finite samples but found NaN or infinity in {bad.size} frames of {where}, the first is "
            f"frame {bad[0]}; leave them out or make the file again"
        )
    return frames
