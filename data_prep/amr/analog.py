"""Speech-like audio, and the modulations that carry it.

The audio is a sum of sinusoids, so that a frame can be made at any place without what came before, and its Hilbert
transform is a change of cosine into exponential. All of the audio is ours, since the recording behind RadioML 2016.10A
is not published; the band is a telephone's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import lfilter, remez

from data_prep.amr.pulse import pulse_train, symbols_before
from data_prep.amr.recipe import Recipe
from data_prep.amr.streams import FrameStreams

BAND = 300.0, 3400.0  # Hz
_PITCH = 90.0, 250.0  # Hz
_FORMANTS = (300.0, 900.0), (900.0, 2200.0), (2200.0, 3200.0)  # Hz
_HARMONICS = int(BAND[1] / _PITCH[0])
_NOISE_TONES = 24
_NOISY = 0.25  # share of frames in a noise burst (an unvoiced sound)
_FLOOR = 0.3  # of the syllabic envelope: never silent
AUDIO_RATE = 44.1e3  # Hz
INTERPOLATION = 5
DEVIATION = 75e3  # Hz for audio of 1
EMPHASIS = 75e-6  # s
_SETTLE = 100  # samples; the filter's pole is near -0.8


@dataclass(frozen=True)
class Speech:
    """Sinusoids of F pieces of audio: frequency (Hz) and complex amplitude, ``[F, K]`` each.

    ``wander [F, 3]`` holds depth, rate (Hz) and phase of the pitch's wandering, ``syllable [F, 2]`` rate (Hz) and phase
    of the syllables.
    """

    frequency: np.ndarray
    amplitude: np.ndarray
    wander: np.ndarray
    syllable: np.ndarray

    def analytic(self, seconds: np.ndarray, rms: float) -> np.ndarray:
        """Analytic signal (its real part is the audio, of r.m.s. ``rms``) at ``seconds [N]``: ``complex128 [F, N]``."""
        depth, rate, phase = (self.wander[:, i, None] for i in range(3))
        angle = 2 * np.pi * rate * seconds + phase
        time = seconds + depth / (2 * np.pi * rate) * (np.cos(phase) - np.cos(angle))
        wave = np.zeros(time.shape, complex)
        for k in range(self.frequency.shape[1]):
            wave += self.amplitude[:, k, None] * np.exp(2j * np.pi * self.frequency[:, k, None] * time)
        rate, phase = self.syllable[:, :1], self.syllable[:, 1:]
        swing = (1 - _FLOOR) / 2
        mean = _FLOOR + swing
        loudness = (mean - swing * np.cos(2 * np.pi * rate * seconds + phase)) / np.sqrt(mean**2 + swing**2 / 2)
        return rms * loudness * wave


def draw_speech(streams: FrameStreams) -> Speech:
    """Audio of r.m.s. 1 over its syllables: harmonics of a pitch of 90..250 Hz shaped by three formants, and noise."""
    pitch = streams.uniform(*_PITCH, 1)
    harmonics = pitch * np.arange(1, _HARMONICS + 1)
    power = np.zeros(harmonics.shape)
    for low, high in _FORMANTS:
        centre, width = streams.uniform(low, high, 1), streams.uniform(60, 200, 1)
        power += (500 / centre) / (1 + ((harmonics - centre) / width) ** 2)
    power *= (harmonics >= BAND[0]) & (harmonics <= BAND[1])
    power /= power.sum(axis=1, keepdims=True)
    tones = streams.uniform(*BAND, _NOISE_TONES)
    noise = streams.normal(_NOISE_TONES) ** 2
    noise /= noise.sum(axis=1, keepdims=True)
    noisy = np.where(streams.uniform(0, 1, 1) < _NOISY, streams.uniform(0.7, 1, 1), streams.uniform(0, 0.05, 1))
    power = np.concatenate([power * (1 - noisy), noise * noisy], axis=1)
    phase = streams.uniform(0, 2 * np.pi, power.shape[1])
    # a sinusoid of power p has amplitude sqrt(2 p)
    amplitude = np.sqrt(2 * power) * np.exp(1j * phase)
    wander = np.stack([streams.uniform(0, 0.06), streams.uniform(1, 4), streams.uniform(0, 2 * np.pi)], axis=1)
    syllable = np.stack([streams.uniform(3, 6), streams.uniform(0, 2 * np.pi)], axis=1)
    return Speech(np.concatenate([harmonics, tones], axis=1), amplitude, wander, syllable)


def amplitude_modulated(mod: str, recipe: Recipe, streams: FrameStreams, count: int) -> np.ndarray:
    """AM-DSB with its carrier, ``1 + m``, or AM-SSB: the upper sideband.

    Args:
        mod: "AM-DSB" or "AM-SSB".
        recipe: level and limit of the audio, and the switches of AM-SSB.
        streams: random numbers of F frames.
        count: samples of each.

    Returns:
        ``complex128 [F, count]``.
    """
    audio = _limited(draw_speech(streams).analytic(np.arange(count) / recipe.sample_rate, recipe.audio_rms), recipe)
    if mod == "AM-DSB":
        return 1 + audio.real + 0j
    if recipe.am_ssb_bug:
        return np.zeros(audio.shape, complex)
    return audio + 1 if recipe.ssb_carrier else audio


def broadcast_fm(recipe: Recipe, streams: FrameStreams, start: np.ndarray, count: int) -> np.ndarray:
    """WBFM: audio at 44.1 kHz, interpolated by 5, pre-emphasised or not, 75 kHz of deviation for audio of 1.

    The interpolator leaves images of the audio, 40 dB below it, near 44 and 88 kHz; pre-emphasis, where it works,
    raises them by 25 and 38 dB.

    Args:
        recipe: level and limit of the audio, and the switch of the pre-emphasis.
        streams: random numbers of F frames.
        start: ``int [F]``, first sample in the run at 220.5 kHz.
        count: samples of each.

    Returns:
        ``complex128 [F, count]`` of amplitude 1.
    """
    taps = interpolation_taps()
    settle = _SETTLE if recipe.pre_emphasis else 0
    number = symbols_before(taps, INTERPOLATION) + -(-(settle + count) // INTERPOLATION) + 1
    audio = draw_speech(streams).analytic(np.arange(number) / AUDIO_RATE, recipe.audio_rms)
    wave = pulse_train(_limited(audio, recipe).real, taps, INTERPOLATION)
    if recipe.pre_emphasis:
        wave = lfilter(*emphasis_filter(INTERPOLATION * AUDIO_RATE), wave, axis=1)
    here = settle + (start % INTERPOLATION)[:, None] + np.arange(count)
    wave = np.take_along_axis(wave, here, axis=1)
    turned = streams.uniform(0, 2 * np.pi, 1)
    return np.exp(1j * (turned + 2 * np.pi * DEVIATION / (INTERPOLATION * AUDIO_RATE) * np.cumsum(wave, axis=1)))


def _limited(audio: np.ndarray, recipe: Recipe) -> np.ndarray:
    return audio * np.minimum(1, recipe.audio_limit / np.maximum(np.abs(audio), 1e-30))


@lru_cache
def interpolation_taps() -> np.ndarray:
    """Equiripple low-pass at 220.5 kHz of gain 5, pass 16 kHz, stop 18 kHz (40 dB); ``float64 [287]``.

    Length and weights are those of GNU Radio's transmitter: it asks for a ripple of 0.1 dB, divides it by the gain,
    estimates 285 taps from that (Herrmann et al., 1973) and adds two.
    """
    rate, ripple = INTERPOLATION * AUDIO_RATE, 10 ** (0.1 / 20)
    passed, stopped = (ripple - 1) / (ripple + 1) / INTERPOLATION, 10 ** (-40 / 20)
    bands = 0, 16e3, 18e3, rate / 2
    return remez(287, bands, (INTERPOLATION, 0), weight=(stopped / passed, 1), fs=rate)


def emphasis_filter(rate: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Pre-emphasis of FM broadcast: bilinear transform of a zero at 1/tau and a pole near half the rate, 1 at 0 Hz.

    With corner :math:`\omega`, :math:`\omega_a = 2 f_s \tan(\omega / 2 f_s)`, :math:`k = -\omega_a / 2 f_s` and root
    :math:`(1 + k) / (1 - k)`; corners :math:`1/\tau` (75 µs) and :math:`2 \pi \cdot 0.925 f_s / 2`.

    Args:
        rate: sample rate in Hz.

    Returns:
        Numerator and denominator, ``float64 [2]`` each.
    """
    zero, pole = (_bilinear_root(corner, rate) for corner in (1 / EMPHASIS, np.pi * 0.925 * rate))
    return np.array([1, -zero]) * (1 - pole) / (1 - zero), np.array([1, -pole])


def _bilinear_root(corner: float, rate: float) -> float:
    k = -np.tan(corner / (2 * rate))
    return (1 + k) / (1 - k)
