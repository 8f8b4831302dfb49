"""From a stream of samples to stretches of one modulation: windows, noise gate, soft vote.

Each step takes the batches of the one before and gives batches on; what it holds of the stream in between does not
grow with its length, and results do not depend on where the batches end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

NOISE, UNKNOWN = -1, -2
NOISE_NAME, UNKNOWN_NAME = "noise", "unknown"
BATCH = 256  # windows; more are no faster, as their features leave the processor's cache


def cut_windows(blocks: Iterable[np.ndarray], length: int, hop: int) -> Iterator[np.ndarray]:
    """Cut a stream into windows; a rest shorter than a window is left out.

    Args:
        blocks: complex64 ``[n]`` each.
        length: samples L of a window.
        hop: samples from the start of one window to that of the next.

    Yields:
        At most `BATCH` windows, float32 ``[W, 2, L]`` with I in row 0 and Q in row 1.
    """
    rest, skip = np.empty(0, np.complex64), 0
    for block in blocks:
        samples = np.concatenate([rest, block])
        windows = max(0, (len(samples) - skip - length) // hop + 1)
        used = skip + windows * hop
        rest, skip = samples[min(used, len(samples)) :], max(0, used - len(samples))
        if not windows:
            continue
        pairs = samples[used - windows * hop :].view(np.float32).reshape(-1, 2)
        views = sliding_window_view(pairs, length, axis=0)[::hop][:windows]
        for start in range(0, windows, BATCH):
            yield np.ascontiguousarray(views[start : start + BATCH])


def gate_noise(
    windows: Iterable[np.ndarray], margin: float | None, rise: float = 0.0, settle: int = 256
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    r"""Tell windows with a signal from those with noise alone by their power :math:`p_w`.

    The noise floor follows the quietest windows: it falls at once and rises slowly,
    :math:`f_w = \min(p_w,\ f_{w-1} + r)` in dB, where :math:`f_0` is the least of the first ``settle`` windows, so that
    a recording may begin within a signal. A window with :math:`p_w \ge f_w + m` has a signal. The floor lies some 1 dB
    below the mean power of noise in windows of 128 samples: a margin below 3 dB lets noise through. A signal that never
    pauses is its own floor.

    Digital silence (samples 0) is noise and says nothing about the floor, nor does a window of which it is an eighth:
    where a recording begins or breaks off with zeros, the power of the window in between is as low as one likes.
    The settling begins after it.

    Args:
        windows: float32 ``[W, 2, L]`` each.
        margin: m in dB; None takes everything but silence for a signal.
        rise: r in dB per window.
        settle: windows that are looked at before the first is judged.

    Yields:
        The windows, their mean power ``[W]`` (float32) and whether they have a signal ``[W]``.
    """
    windows = iter(windows)
    if margin is None:
        for batch in windows:
            power = _power(batch)
            yield batch, power, power > 0
        return
    floor = np.inf
    for batch in windows:
        ahead = [batch]
        if np.isinf(floor):
            quiet = _before_first(np.isfinite(_floor_levels(batch)))
            if quiet:
                yield batch[:quiet], _power(batch[:quiet]), np.zeros(quiet, bool)
            if quiet == len(batch):
                continue
            ahead = _first(chain([batch[quiet:]], windows), settle)
            floor = min(np.concatenate([_floor_levels(each) for each in ahead])[:settle])
        for each in ahead:
            # The floor of each batch is led on from the one before.
            power, levels = _power(each), _floor_levels(each)
            steps = rise * np.arange(1, len(levels) + 1)
            floors = steps + np.minimum(np.minimum.accumulate(levels - steps), floor)
            yield each, power, (power > 0) & (_decibels(power) >= floors + margin)
            floor = floors[-1]


def _before_first(flags: np.ndarray) -> int:
    """How many entries stand before the first that is true."""
    return int(flags.argmax()) if flags.any() else len(flags)


def _first(batches: Iterator[np.ndarray], count: int) -> list[np.ndarray]:
    """The first batches, up to ``count`` entries or a little more."""
    taken: list[np.ndarray] = []
    while sum(map(len, taken)) < count and (batch := next(batches, None)) is not None:
        taken.append(batch)
    return taken


def _power(windows: np.ndarray) -> np.ndarray:
    return np.einsum("wcl,wcl->w", windows, windows) / windows.shape[2]


def _decibels(power: np.ndarray) -> np.ndarray:
    """Silence is made infinitely loud, so that it is never the floor."""
    return 10 * np.log10(np.where(power > 0, power, np.inf).astype(np.float64))


def _floor_levels(windows: np.ndarray) -> np.ndarray:
    """Power in dB of those windows that tell the floor, infinity for those that are partly silent."""
    length = windows.shape[2]
    eighths = np.arange(0, length, max(1, length // 8))
    is_partly_silent = np.logical_and.reduceat(~windows.any(axis=1), eighths, axis=1).any(axis=1)
    return _decibels(np.where(is_partly_silent, 0, _power(windows)))


def score_live(
    gated: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
    log_probabilities: Callable[[np.ndarray], np.ndarray],
    classes: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Run the network on those windows that have a signal.

    Args:
        gated: what `gate_noise` gives.
        log_probabilities: ``[W, 2, L] -> [W, K]``.
        classes: number K of them.

    Yields:
        Log-probabilities ``[W, K]``, 0 where there is no signal, and powers and gate as they came.
    """
    for windows, power, live in gated:
        scores = np.zeros((len(windows), classes), np.float32)
        if live.any():
            scores[live] = log_probabilities(windows if live.all() else windows[live])
        yield scores, power, live


@dataclass
class Votes:
    """Decisions on successive windows, arrays ``[V]``.

    Attributes:
        windows: how many windows each is about.
        labels: class index, `NOISE` or `UNKNOWN`.
        probabilities: of the likeliest class; 0 for noise.
        powers: mean power of the windows.
    """

    windows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    powers: np.ndarray


def soft_vote(
    scored: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], size: int, threshold: float = 0.0
) -> Iterator[Votes]:
    r"""Decide on groups of M windows by the mean of their log-probabilities.

    .. math:: p_k \propto \exp\Big(\frac1M \sum_w \log p_{wk}\Big)

    Where the gate opens or closes a new group begins. What is left of a group then joins the one before, so that the
    ends of bursts do not decide by themselves: a group has M to 2 M - 1 windows, or all between two moves of the gate.

    Args:
        scored: log-probabilities ``[W, K]``, powers ``[W]`` and whether there is a signal ``[W]``.
        size: M, 1 or more.
        threshold: decisions less probable than this are `UNKNOWN`.
    """
    rest: tuple[np.ndarray, ...] | None = None
    for batch in scored:
        rest = batch if rest is None else tuple(map(np.concatenate, zip(rest, batch, strict=True)))
        starts = _group_starts(rest[2], size)
        last = starts[-1]  # of the group that may go on in the next batch
        if last:
            yield _decide(*(part[:last] for part in rest), starts[:-1], threshold)
        rest = tuple(part[last:] for part in rest)
    if rest is not None:
        yield _decide(*rest, _group_starts(rest[2], size), threshold)


def _group_starts(live: np.ndarray, size: int) -> np.ndarray:
    starts = run_starts(live, size)
    goes_on = np.append(False, live[starts[1:]] == live[starts[1:] - 1])
    return starts[~goes_on | (np.diff(starts, append=len(live)) == size)]


def run_starts(values: np.ndarray, most: int) -> np.ndarray:
    """Where runs of equal ``values`` ``[n]`` start, a run being cut anew after every ``most`` of them."""
    places = np.arange(len(values))
    changes = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    run = np.repeat(changes, np.diff(changes, append=len(values)))
    return places[(places - run) % most == 0]


def _decide(
    log_probabilities: np.ndarray, powers: np.ndarray, live: np.ndarray, starts: np.ndarray, threshold: float
) -> Votes:
    windows = np.diff(starts, append=len(live))
    means = np.add.reduceat(log_probabilities.astype(np.float64), starts) / windows[:, None]
    means -= means.max(axis=1, keepdims=True)
    probabilities = 1 / np.exp(means).sum(axis=1)  # of the largest, whose exponential is 1
    labels = np.where(probabilities < threshold, UNKNOWN, means.argmax(axis=1))
    has_signal = live[starts]
    return Votes(
        windows,
        np.where(has_signal, labels, NOISE),
        np.where(has_signal, probabilities, 0.0),
        np.add.reduceat(powers.astype(np.float64), starts) / windows,
    )


@dataclass
class Stretch:
    """Successive windows with one label.

    Attributes:
        first: number of the first window in the stream.
        windows: how many there are.
        label: class index, `NOISE` or `UNKNOWN`.
        probability: mean over the windows.
        power: mean over the windows.
        is_last: whether the stream ends with it.
    """

    first: int
    windows: int
    label: int
    probability: float
    power: float
    is_last: bool = False


def join_votes(votes: Iterable[Votes], longest: float = math.inf) -> Iterator[Stretch]:
    """Join successive decisions with the same label.

    Args:
        votes: what `soft_vote` gives.
        longest: windows after which a stretch ends with its batch even so, for a display that keeps up with a stream.
    """
    done, current = 0, None
    for batch in votes:
        starts = run_starts(batch.labels, len(batch.labels))
        columns = zip(
            np.add.reduceat(batch.windows, starts).tolist(),
            batch.labels[starts].tolist(),
            np.add.reduceat(batch.windows * batch.probabilities, starts).tolist(),
            np.add.reduceat(batch.windows * batch.powers, starts).tolist(),
            strict=True,
        )
        for windows, label, probability, power in columns:
            if current is not None and (current.label != label or current.windows >= longest):
                yield current
                current = None
            if current is None:
                current = Stretch(done, 0, label, 0.0, 0.0)
            together = current.windows + windows
            current.probability = (current.windows * current.probability + probability) / together
            current.power = (current.windows * current.power + power) / together
            current.windows = together
            done += windows
    if current is not None:
        current.is_last = True
        yield current


@dataclass(frozen=True)
class Timeline:
    """Where windows lie among the samples of the recording, before it was resampled.

    Attributes:
        length: samples of a window, after resampling.
        hop: from one window to the next, likewise.
        ratio: rate after over rate before.
    """

    length: int
    hop: int
    ratio: Fraction = Fraction(1)

    def span(self, stretch: Stretch, samples: int) -> tuple[int, int]:
        """First sample of a stretch and the one after its last; those of successive stretches do not overlap.

        Args:
            stretch: of windows.
            samples: how many the recording has, or has had so far.
        """
        start = math.floor(stretch.first * self.hop / self.ratio)
        last = (stretch.first + stretch.windows - 1) * self.hop
        if stretch.is_last:
            return start, min(math.ceil((last + self.length) / self.ratio), samples)
        # Where windows overlap, what they share belongs to the next stretch.
        return start, math.floor((last + min(self.hop, self.length)) / self.ratio)
