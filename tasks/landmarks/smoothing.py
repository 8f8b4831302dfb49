"""Steadier points in videos: the 1 € filter, and what it gains."""

from __future__ import annotations

import numpy as np


class OneEuroFilter:
    r"""The 1 € filter [0]: a low-pass filter whose cutoff rises with speed: still points rest and fast ones keep up.

    With :math:`\alpha(f) = 1 / (1 + \frac{1}{2\pi f T})` and the time :math:`T` since the last values,

    .. math::
        \hat{\dot x}_i &= \alpha(f_d)\, (x_i - \hat x_{i-1}) / T + (1 - \alpha(f_d))\, \hat{\dot x}_{i-1} \\
        f &= f_{min} + \beta\, \lVert \hat{\dot x}_i \rVert \\
        \hat x_i &= \alpha(f)\, x_i + (1 - \alpha(f))\, \hat x_{i-1}

    Each point has a cutoff of its own, from the length of its velocity; with one coordinate that is the paper's filter.

    Args:
        min_cutoff: :math:`f_{min}` in Hz, the cutoff of a point at rest: the lower, the less jitter.
        beta: by how many Hz the cutoff rises for each unit of value a second: the higher, the less lag.
        derivative_cutoff: :math:`f_d` in Hz; 1 in the paper.
        jump: mean distance over all points from the last filtered ones, in units of value, from which on it is another
            face: the filter starts anew. None never does.

    Raises:
        ValueError: for cutoffs that are not above 0, or a beta below 0.

    [0] Casiez, Roussel and Vogel, 1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
    Systems, CHI 2012, algorithm 1.
    """

    def __init__(
        self, min_cutoff: float = 1.0, beta: float = 0.0, derivative_cutoff: float = 1.0, jump: float | None = None
    ):
        if not (min_cutoff > 0 and derivative_cutoff > 0 and beta >= 0):
            raise ValueError(
                f"expected cutoffs above 0 and beta of at least 0 but found min_cutoff={min_cutoff}, "
                f"derivative_cutoff={derivative_cutoff}, beta={beta}"
            )
        self.min_cutoff, self.beta, self.derivative_cutoff, self.jump = min_cutoff, beta, derivative_cutoff, jump
        self.reset()

    def reset(self) -> None:
        """Forget what was filtered: the next values pass as they are."""
        self._values: np.ndarray | None = None
        self._velocity: np.ndarray | None = None
        self._seconds = 0.0

    def __call__(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Filter the next values.

        Args:
            values: ``[..., d]``, points of d coordinates.
            seconds: when they were taken, later than those before.

        Returns:
            float64 ``[..., d]``.

        Raises:
            ValueError: if time does not go on, or the shape changes.
        """
        values = np.array(values, np.float64)
        if self._values is None:
            return self._start(values, seconds)
        elapsed = seconds - self._seconds
        if not elapsed > 0:
            raise ValueError(f"expected a time after {self._seconds} s but found {seconds} s")
        if values.shape != self._values.shape:
            raise ValueError(f"expected values {list(self._values.shape)} but found {list(values.shape)}")
        moved = values - self._values
        if self.jump is not None and np.linalg.norm(moved, axis=-1).mean() > self.jump:
            return self._start(values, seconds)
        share = _share(self.derivative_cutoff, elapsed)
        self._velocity = share * moved / elapsed + (1 - share) * self._velocity
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        self._values = self._values + _share(self.min_cutoff + self.beta * speed, elapsed) * moved
        self._seconds = seconds
        return self._values.copy()

    def _start(self, values: np.ndarray, seconds: float) -> np.ndarray:
        self._values, self._velocity, self._seconds = values, np.zeros_like(values), seconds
        return values.copy()


def _share(cutoff, elapsed: float):
    """How much of a new value passes a first-order low-pass filter."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * elapsed))


def jitter(points: np.ndarray, truth: np.ndarray | None = None) -> float:
    """How much points tremble: the root mean square, over frames and points, of how an error changes in a frame.

    Args:
        points: ``[T, n, 2]``.
        truth: where they are, ``[T, n, 2]``; without it they are taken to move evenly, and what is measured are second
            differences, which is right for points that rest or move slowly.

    Returns:
        In the unit of ``points``. Independent errors of standard deviation s for each coordinate give 2 s.

    Raises:
        ValueError: for less than two frames, or three without truth.
    """
    order = 2 if truth is None else 1
    errors = np.asarray(points, np.float64) - (0 if truth is None else np.asarray(truth, np.float64))
    if len(errors) <= order:
        raise ValueError(f"expected more than {order} frames but found {len(errors)}")
    changes = np.diff(errors, order, axis=0)
    # Independent errors give second differences of variance 6, first differences of variance 2.
    return float(np.sqrt((changes**2).sum(axis=-1).mean() * (2 / 6 if truth is None else 1)))
