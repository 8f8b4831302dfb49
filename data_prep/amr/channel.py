"""What happens to a signal on its way: clocks that are off, fading over several paths, and noise.

The order is that of GNU Radio's dynamic channel model: sampling clock, carrier, fading, noise. Noise and the frozen
channel live here as well, since both are part of the defects of RadioML 2016.10A that the switches name.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_prep.amr.recipe import Recipe
from data_prep.amr.streams import FrameStreams

_NOISE_POOL = 8192  # values from which GNU Radio's fast noise source draws


@dataclass(frozen=True)
class FrozenRun:
    """What every run of a frozen channel repeats, sample by sample, ``[samples]`` each.

    ``sro`` and ``cfo`` are the cycles by which the sampling clock and the carrier are ahead since the run's start;
    ``noise`` is complex of variance 1.
    """

    sro: np.ndarray
    cfo: np.ndarray
    noise: np.ndarray


@lru_cache(maxsize=16)
def frozen_run(recipe: Recipe, samples: int) -> FrozenRun:
    """The frozen channel's run over ``samples``; a longer one begins with the same numbers."""
    sro, cfo, pool, picks = (np.random.default_rng([recipe.channel_seed, part]) for part in (1, 2, 3, 4))
    noise = pool.standard_normal(2 * _NOISE_POOL).view(complex) / np.sqrt(2)

    def walk(rng: np.random.Generator, bound: float, step: float) -> np.ndarray:
        error = np.clip(np.cumsum(step * rng.standard_normal(samples)), -bound, bound)
        return np.cumsum(error) / recipe.sample_rate

    return FrozenRun(
        walk(sro, recipe.sro_max, recipe.sro_step),
        walk(cfo, recipe.cfo_max, recipe.cfo_step),
        noise[picks.integers(_NOISE_POOL, size=samples)],
    )


def clock_cycles(
    bound: float, step: float, recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int
) -> np.ndarray:
    """Cycles that a clock is ahead since the start of the run; its error is a random walk within a bound.

    Args:
        bound: largest error in Hz.
        step: standard deviation of the error's change at each sample, Hz.
        recipe: whether the error starts at 0 with the run or anywhere within the bound, and the sample rate.
        streams: random numbers of F frames.
        start: ``int [F]``, first sample.
        count: samples.

    Returns:
        ``float64 [F, count]``; its difference from sample to sample times the sample rate is the error in Hz.
    """
    uniform, at_start = streams.uniform(-bound, bound), streams.normal(2)
    steps = step * streams.normal(count)
    value, cycles = _walk_state(at_start, step, start)
    if recipe.uniform_clock:
        value, cycles = uniform, np.zeros(len(start))
    # Clipped after the sum: a walk that would leave by hundredths of a hertz stays on the bound until it is back.
    error = np.clip(value[:, None] + np.cumsum(steps, axis=1), -bound, bound)
    return (cycles[:, None] + np.cumsum(error, axis=1)) / recipe.sample_rate


def _walk_state(normal: np.ndarray, step: float, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and sum of a random walk from 0 after so many samples, from two normal numbers each.

    Jointly normal: variances step² n and step² n³ / 3, covariance step² n² / 2.
    """
    n = samples.astype(float)
    value = step * np.sqrt(n) * normal[:, 0]
    return value, n / 2 * value + step * np.sqrt(n**3 / 12) * normal[:, 1]


def path_gains(recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int) -> np.ndarray:
    r"""Complex gain of each path over the frames: a sum of sinusoids with mean power 1.

    .. math:: H = \frac{1}{\sqrt N} \sum_{n=1}^{N} \cos(\psi_n + \omega_n t) + j \sin(\varphi_n + \omega_n t), \quad
              \omega_n = 2 \pi f_D \cos\frac{2 \pi n - \pi + \theta}{4 N}

    and, for path 0 with Rician factor K, :math:`H / \sqrt{K+1} + \sqrt{K/(K+1)} e^{j (\psi_0 + 2 \pi f_D t \cos
    \theta_0)}`. The angles are uniform; GNU Radio lets :math:`\theta` walk, by less than 0.001 rad in a run: left out.

    Args:
        recipe: Doppler, paths, and whether the channel is frozen.
        streams: random numbers of F frames.
        start: ``int [F]``, first sample; only a frozen channel depends on it.
        count: samples.

    Returns:
        ``complex128 [P, F, count]``.
    """
    paths, number = len(recipe.path_delays), recipe.sinusoids
    angles = streams.uniform(-np.pi, np.pi, paths, 2 + 2 * (number + 1))
    time = np.arange(count) / recipe.sample_rate
    if recipe.frozen_channel:
        angles = np.stack([frozen_angles(recipe.channel_seed + path, number) for path in range(paths)])[None]
        time = time + start[:, None] / recipe.sample_rate
    time = np.broadcast_to(time, (len(start), count))
    return np.stack([_path_gain(recipe, angles[:, path], time, path == 0) for path in range(paths)])


def _path_gain(recipe: Recipe, angles: np.ndarray, time: np.ndarray, direct: bool) -> np.ndarray:
    number, omega = recipe.sinusoids, 2 * np.pi * recipe.doppler
    theta, theta_direct, phases = angles[:, 0], angles[:, 1], angles[:, 2:]
    gain = np.zeros(time.shape, complex)
    for n in range(1, number + 1):
        turned = omega * np.cos((2 * np.pi * n - np.pi + theta) / (4 * number))[:, None] * time
        gain.real += np.cos(phases[:, 2 * n, None] + turned)
        gain.imag += np.sin(phases[:, 2 * n + 1, None] + turned)
    gain /= np.sqrt(number)
    if direct:
        k = recipe.rician_k
        turned = phases[:, 0, None] + omega * np.cos(theta_direct)[:, None] * time
        gain = gain / np.sqrt(k + 1) + np.sqrt(k / (k + 1)) * np.exp(1j * turned)
    return gain


def frozen_angles(seed: int, sinusoids: int) -> np.ndarray:
    """Angles of a frozen path, ``float64 [2 + 2 (sinusoids + 1)]``: theta, theta_0, then psi_n and phi_n by turns.

    Drawn as GNU Radio 3.10 draws them (C++'s 32-bit Mersenne twister, two draws for each uniform number), so that the
    frozen channel is the very one of its seed 0x1337.
    """
    draws = np.random.RandomState(seed).randint(0, 1 << 32, size=2 * (2 + 2 * (sinusoids + 1)), dtype=np.uint32)
    low, high = draws[0::2].astype(float), draws[1::2].astype(float)
    return -np.pi + 2 * np.pi * (low + high * 2**32) / 2**64


def fade(recipe: Recipe, signal: np.ndarray, gains: np.ndarray) -> np.ndarray:
    r"""Sum of the paths, each with its gain and a sinc-shaped fractional delay over ``channel_taps`` taps.

    .. math:: y[n] = \sum_i m_i H_i[n] \sum_k \mathrm{sinc}(k - d_i)\, x[n - k]

    Args:
        recipe: delays :math:`d_i` (samples) and amplitudes :math:`m_i` of the paths.
        signal: ``[F, channel_taps - 1 + L]``.
        gains: ``[P, F, L]``.

    Returns:
        ``complex128 [F, L]``.
    """
    taps, count = recipe.channel_taps, gains.shape[2]
    faded = np.zeros(gains.shape[1:], complex)
    for gain, delay, magnitude in zip(gains, recipe.path_delays, recipe.path_gains, strict=True):
        path = np.zeros(faded.shape, complex)
        for k in range(taps):
            weight = np.sinc(k - delay)
            if abs(weight) > 1e-12:
                path += weight * signal[:, taps - 1 - k : taps - 1 - k + count]
        faded += magnitude * gain * path
    return faded


def unit_noise(streams: FrameStreams, count: int) -> np.ndarray:
    """Complex white noise of variance 1, ``complex128 [F, count]``."""
    return streams.normal(2 * count).view(complex) / np.sqrt(2)


def noise_amplitude(recipe: Recipe, snr: float, signal: np.ndarray) -> np.ndarray:
    """Standard deviation of the complex noise, ``float64 [F, 1]``.

    Args:
        recipe: what a label stands for.
        snr: label in dB.
        signal: received, ``[F, L]``.
    """
    label = np.full((len(signal), 1), snr)
    if recipe.legacy_snr:
        return 10 ** (-label / 10) * (np.sqrt(2) if recipe.doubled_noise else 1.0)
    power = np.mean(np.abs(signal) ** 2, axis=1, keepdims=True)
    return np.sqrt(power) * 10 ** (-label / 20)
