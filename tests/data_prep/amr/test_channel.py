"""Clocks, fading and noise against their formulas, simulation and what GNU Radio's own channel was measured to do."""

import numpy as np
import pytest

from data_prep.amr.channel import clock_cycles, fade, frozen_angles, frozen_run, noise_amplitude, path_gains, unit_noise
from data_prep.amr.frames import signal_and_noise
from data_prep.amr.recipe import make_recipe
from data_prep.amr.streams import FrameStreams


def streams(count, snr=0):
    return FrameStreams(0, "BPSK", snr, range(count))


def clock_error(bound, step, recipe, start, count, frames):
    cycles = clock_cycles(bound, step, recipe, streams(frames), np.full(frames, start), count)
    return np.diff(cycles, axis=1) * recipe.sample_rate


@pytest.mark.parametrize("preset", ["rml2016", "clean"])
def test_clock_errors_stay_within_their_bound(preset):
    # steps so large that a walk without a bound would leave it
    error = clock_error(50.0, 20.0, make_recipe(preset), 400, 300, 50)
    assert np.abs(error).max() <= 50 + 1e-6
    assert np.abs(error).max() > 49


def test_clock_errors_change_by_their_step():
    error = clock_error(500.0, 0.01, make_recipe("rml2016"), 400, 2000, 20)
    assert np.diff(error, axis=1).std() == pytest.approx(0.01, rel=0.03)


def test_uniform_clock_errors_fill_the_bound():
    error = clock_error(500.0, 0.01, make_recipe("clean"), 400, 2, 2000)[:, 0]
    assert error.std() == pytest.approx(1000 / np.sqrt(12), rel=0.05)
    assert np.abs(error).max() > 480


def test_walk_from_the_start_of_a_run_is_that_of_a_simulation():
    recipe, start, frames = make_recipe("rml2016"), 500, 3000
    cycles = clock_cycles(1e9, 1.0, recipe, streams(frames), np.full(frames, start), 2) * recipe.sample_rate
    walks = np.cumsum(np.random.default_rng(3).normal(size=(frames, start + 2)), axis=1)
    simulated = np.stack([walks.cumsum(axis=1)[:, start], walks[:, start + 1]])
    found = np.stack([cycles[:, 0], cycles[:, 1] - cycles[:, 0]])
    np.testing.assert_allclose(np.cov(found), np.cov(simulated), rtol=0.15)


def test_carrier_of_a_frame_turns_by_its_error():
    # AM-DSB without audio is a bare carrier
    recipe = make_recipe("clean", impairments=("clock",), audio_rms=0.0)
    signal, _ = signal_and_noise(recipe, 0, "AM-DSB", 0, range(200))
    hertz = np.angle(signal[:, 1:] * signal[:, :-1].conj()) * 200e3 / (2 * np.pi)
    assert np.abs(hertz).max() <= 500.01
    assert np.abs(hertz[:, 0]).max() > 450
    assert hertz.std(axis=1).max() < 1


def test_published_carrier_hardly_turns_within_a_frame():
    recipe = make_recipe("rml2016", impairments=("clock",), audio_rms=0.0, frozen_channel=False)
    signal, _ = signal_and_noise(recipe, 0, "AM-DSB", 0, range(200))
    turned = np.abs(np.angle(signal[:, -1] * signal[:, 0].conj()))
    # three standard deviations of the error after 45,000 samples: 6.4 Hz for 127 samples at 200 kHz
    assert turned.max() < 2 * np.pi * 10 * 127 / 200e3


def test_scattered_and_direct_paths_have_power_one():
    gains = path_gains(make_recipe("clean"), streams(4000), np.zeros(4000, int), 1)
    np.testing.assert_allclose(np.mean(np.abs(gains) ** 2, axis=(1, 2)), 1, atol=0.05)
    # Rician factor 4: the direct part is never far from sqrt(4/5); scattered paths fade to nothing
    assert np.quantile(np.abs(gains[0]), 0.02) > 0.3
    assert np.quantile(np.abs(gains[1]), 0.02) < 0.2


def test_doppler_bounds_how_fast_a_path_turns():
    recipe = make_recipe("clean", doppler=1000.0)
    gain = path_gains(recipe, streams(20), np.zeros(20, int), 20_000)[1]
    power = np.mean(np.abs(np.fft.fft(gain * np.hanning(20_000))) ** 2, axis=0)
    bins = np.abs(np.fft.fftfreq(20_000, 1 / 200e3))
    assert power[bins > 1050].sum() / power.sum() < 1e-4
    assert power[bins > 700].sum() / power.sum() > 0.1


def test_fading_delays_by_samples_and_fractions_of_them():
    recipe = make_recipe("clean", path_delays=(0.0, 2.0, 0.5), path_gains=(1.0, 0.5, 0.0), channel_taps=8)
    signal = np.random.default_rng(0).normal(size=(2, 27)) + 0j
    gains = np.ones((3, 2, 20)) * np.array([1, 2j, 1])[:, None, None]
    np.testing.assert_allclose(fade(recipe, signal, gains), signal[:, 7:] + 1j * signal[:, 5:-2], atol=1e-12)


def test_mean_power_of_the_published_channel():
    recipe = make_recipe("rml2016", frozen_channel=False, impairments=("fading",))
    signal, _ = signal_and_noise(recipe, 0, "GFSK", 0, range(4000))
    # 1 + 0.8^2 + 0.3^2 and the sinc's overlap of the paths within the band: 1.76
    assert np.mean(np.abs(signal) ** 2) == pytest.approx(1.76, abs=0.12)


def test_frozen_fading_is_that_of_gnu_radio():
    """With seed 0x1337 it was measured: about -2 dB at the start of a run, 3.6 dB near sample 57,000."""
    recipe = make_recipe("rml2016")
    start = np.array([0, 57_000])
    gains = path_gains(recipe, streams(2), start, 5000)
    tone = np.ones((2, 5007), complex)
    power = 10 * np.log10(np.mean(np.abs(fade(recipe, tone, gains)) ** 2, axis=1))
    np.testing.assert_allclose(power, [-2, 3.6], atol=0.4)


def test_frozen_angles_are_draws_of_the_mersenne_twister_of_c():
    # the generator's first two numbers for its default seed, as the C++ standard's implementations print them
    low, high = 3499211612, 581869302
    expected = -np.pi + 2 * np.pi * (low + high * 2**32) / 2**64
    assert frozen_angles(5489, 8)[0] == pytest.approx(expected, rel=1e-12)


def test_frozen_runs_share_their_beginnings():
    recipe = make_recipe("rml2016")
    short, long = frozen_run(recipe, 1000), frozen_run(recipe, 5000)
    for name in ("sro", "cfo", "noise"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:1000])


def test_noise_is_white_and_complex_of_variance_one():
    noise = unit_noise(streams(400), 256)
    assert np.mean(np.abs(noise) ** 2) == pytest.approx(1, abs=0.02)
    assert abs(np.mean(noise**2)) < 0.02
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1].conj())) < 0.02


def test_legacy_noise_amplitude_takes_the_label_for_power():
    signal = np.ones((3, 10), complex)
    published = make_recipe("rml2016")
    later = make_recipe("rml2016", doubled_noise=False)
    for label in (-10, 0, 10):
        assert noise_amplitude(later, label, signal) == pytest.approx(10 ** (-label / 10))
        assert noise_amplitude(published, label, signal) ** 2 == pytest.approx(2 * 100 ** (-label / 10))


def test_true_noise_amplitude_follows_each_frame():
    signal = np.array([[1.0, 1.0], [3.0, 3.0]], complex)
    amplitude = noise_amplitude(make_recipe("clean"), 20, signal)
    np.testing.assert_allclose(amplitude, [[0.1], [0.3]])
