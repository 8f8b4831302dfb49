"""Speech-like audio and what carries it."""

import numpy as np
import pytest
from scipy.signal import freqz

from data_prep.amr.analog import (
    BAND,
    amplitude_modulated,
    broadcast_fm,
    draw_speech,
    emphasis_filter,
    interpolation_taps,
)
from data_prep.amr.recipe import make_recipe
from data_prep.amr.streams import FrameStreams


def streams(count=16):
    return FrameStreams(0, "WBFM", 0, range(count))


def fm(count=2000, frames=16, **changes):
    recipe = make_recipe("rml2016", **changes)
    return broadcast_fm(recipe, streams(frames), np.arange(frames), count)


def frequency(wave):
    """Instantaneous frequency in Hz at 220.5 kHz."""
    return np.angle(wave[:, 1:] * wave[:, :-1].conj()) * 220.5e3 / (2 * np.pi)


def test_audio_has_its_level_and_keeps_to_its_band():
    rate, count = 8000, 16_000
    audio = draw_speech(streams()).analytic(np.arange(count) / rate, 0.08)
    assert np.sqrt(np.mean(audio.real**2)) == pytest.approx(0.08, rel=0.05)
    power = np.mean(np.abs(np.fft.fft(audio * np.hanning(count))) ** 2, axis=0)
    bins = np.fft.fftfreq(count, 1 / rate)
    # the pitch wanders by up to 6 %
    inside = (bins > 0.94 * BAND[0] - 20) & (bins < 1.06 * BAND[1] + 20)
    assert power[~inside].sum() / power.sum() < 1e-4


def test_audio_is_never_silent():
    audio = draw_speech(streams()).analytic(np.arange(16_000) / 8000, 1.0)
    windows = np.sqrt(np.mean(audio.real.reshape(16, -1, 400) ** 2, axis=2))
    assert windows.min() > 0.1


def test_am_dsb_is_a_carrier_and_real_audio():
    wave = amplitude_modulated("AM-DSB", make_recipe("rml2016"), streams(), 20_000)
    assert (wave.imag == 0).all()
    assert wave.real.mean() == pytest.approx(1, abs=0.01)
    assert (np.abs(wave.real - 1) <= 0.5).all()
    assert (wave.real - 1).std() == pytest.approx(0.08, rel=0.1)


def test_am_ssb_has_one_sideband_and_a_carrier_only_where_asked():
    count = 20_000
    for carrier in (False, True):
        recipe = make_recipe("clean", ssb_carrier=carrier, audio_rms=0.1)
        wave = amplitude_modulated("AM-SSB", recipe, streams(), count)
        spectrum = np.abs(np.fft.fft(wave * np.hanning(count))) ** 2
        bins = np.fft.fftfreq(count, 1 / 200e3)
        upper, lower = spectrum[:, bins > 200].sum(), spectrum[:, bins < -200].sum()
        assert lower < 1e-4 * upper
        assert np.abs(wave.mean()) == pytest.approx(float(carrier), abs=0.01)


def test_am_ssb_bug_leaves_no_signal():
    assert not amplitude_modulated("AM-SSB", make_recipe("rml2016"), streams(), 100).any()


def test_audio_is_limited():
    wave = amplitude_modulated("AM-DSB", make_recipe("rml2016", audio_rms=10.0), streams(), 1000)
    assert np.abs(wave.real - 1).max() == pytest.approx(0.5, rel=0.01)


def test_fm_has_a_constant_envelope_and_the_deviation_of_its_audio():
    wave = fm(count=20_000, frames=24)
    np.testing.assert_allclose(np.abs(wave), 1, atol=1e-12)
    # 75 kHz for audio of 1; the audio has 0.08 r.m.s.
    assert frequency(wave).std() == pytest.approx(75e3 * 0.08, rel=0.1)


def test_working_pre_emphasis_raises_the_images_of_the_audio():
    def share_of_images(wave):
        power = np.mean(np.abs(np.fft.rfft(frequency(wave) * np.hanning(wave.shape[1] - 1))) ** 2, axis=0)
        bins = np.linspace(0, 220.5e3 / 2, len(power))
        return 10 * np.log10(power[bins > 18e3].sum() / power.sum())

    # 40 dB below the audio; the filter raises f from 2.1 kHz on, which is 38 dB for the bilinear transform of 88 kHz
    assert share_of_images(fm()) < -35
    assert share_of_images(fm(pre_emphasis=True)) > -10


def test_interpolator_keeps_16_khz_and_stops_18_khz():
    hertz, response = freqz(interpolation_taps(), worN=8192, fs=220.5e3)
    decibel = 20 * np.log10(np.abs(response) / 5 + 1e-9)
    passed = decibel[hertz <= 16e3]
    assert passed.max() - passed.min() < 0.1
    assert decibel[hertz >= 18e3].max() < -40


def test_pre_emphasis_is_the_analog_one_in_the_audio_band():
    hertz = np.array([0.0, 300.0, 1000.0, 2122.0, 3400.0])
    _, response = freqz(*emphasis_filter(220.5e3), worN=2 * np.pi * hertz / 220.5e3)
    np.testing.assert_allclose(np.abs(response), np.abs(1 + 2j * np.pi * hertz * 75e-6), rtol=0.01)
