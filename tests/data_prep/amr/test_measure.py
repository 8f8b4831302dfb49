"""Measures of frames against signals whose answer is known."""

import numpy as np
import pytest

from data_prep.amr.measure import bandwidth, blind_snr, envelope_spread, power_spectrum, spectrum_differences


def as_frames(signal):
    return np.stack([signal.real, signal.imag], axis=1).astype(np.float32)


def white(frames, length=128, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(frames, length)) + 1j * rng.normal(size=(frames, length))) / np.sqrt(2)


def tone(frequency, frames=4):
    return np.exp(2j * np.pi * frequency * np.arange(128)) * np.ones((frames, 1))


def test_spectrum_of_a_tone_peaks_at_its_frequency():
    spectrum = power_spectrum(as_frames(tone(0.25)))
    assert spectrum.sum() == pytest.approx(1)
    assert spectrum.argmax() == 64 + 32
    # a Blackman window leaks into five bins
    assert np.sort(spectrum)[-5:].sum() > 0.999


def test_spectrum_does_not_heed_scale_nor_a_few_odd_frames():
    frames = as_frames(tone(0.25, frames=9))
    odd = frames.copy()
    odd[:3] = 100 * as_frames(tone(-0.4, frames=3))
    np.testing.assert_allclose(power_spectrum(odd), power_spectrum(frames), atol=1e-9)


def test_bandwidth_of_white_noise_is_nearly_the_band_and_of_a_tone_nearly_none():
    assert bandwidth(power_spectrum(as_frames(white(2000)))) == pytest.approx(0.99, abs=0.01)
    assert bandwidth(power_spectrum(as_frames(tone(0.1)))) < 6 / 128
    assert bandwidth(np.full(100, 0.01), share=0.5) == pytest.approx(0.5)


def test_spectra_differ_in_decibel_where_there_is_signal():
    a = np.array([1.0, 10.0, 10.0, 1e-6])
    b, expected = a * [1, 1, 2, 500], 10 * np.log10([1, 1, 2])
    for pair in ((a, b), (b, a)):
        np.testing.assert_allclose(spectrum_differences(*pair), expected, atol=1e-12)
    np.testing.assert_allclose(spectrum_differences(a, b, depth_db=5), expected[1:], atol=1e-12)
    full, hole = np.array([10.0, 10.0]), np.array([10.0, 0.01])
    for pair in ((full, hole), (hole, full)):
        np.testing.assert_allclose(spectrum_differences(*pair), [0, 30], atol=1e-12)


def test_envelope_of_noise_is_rayleigh_and_of_a_tone_constant():
    # sqrt(4 / pi - 1)
    assert np.mean(envelope_spread(as_frames(white(500)))) == pytest.approx(0.5227, abs=0.01)
    assert envelope_spread(as_frames(tone(0.1))).max() < 1e-6


def test_blind_snr_of_a_signal_in_noise():
    noise = white(4000)
    for level in (0, 10, 20):
        spectrum = power_spectrum(as_frames(10 ** (level / 20) * tone(0.1, 4000) + noise))
        # the median of noise alone lies 1.6 dB below its mean
        assert blind_snr(spectrum) == pytest.approx(level + 1.6, abs=0.5)
