"""Frames as a network sees them: form, SNR, independence, and what each switch does."""

import numpy as np
import pytest

from data_prep.amr.channel import frozen_run
from data_prep.amr.frames import frame_sps, frame_starts, make_frames, signal_and_noise, window_start
from data_prep.amr.modulate import run_samples
from data_prep.amr.recipe import MOD_SETS, make_recipe
from data_prep.amr.streams import FrameStreams

DIGITAL = ("BPSK", "PAM4", "QAM64", "GFSK", "CPFSK", "OQPSK", "OOK", "128APSK")
ANALOG = ("WBFM", "AM-DSB", "AM-SSB")


def decibel(ratio):
    return 10 * np.log10(ratio)


def power(wave):
    return np.mean(np.abs(wave) ** 2, axis=1)


@pytest.mark.parametrize("preset", ["rml2016", "clean"])
@pytest.mark.parametrize("length", [128, 1024])
def test_frames_have_the_form_of_radioml(preset, length):
    frames, measured = make_frames(make_recipe(preset, length=length), 0, "QPSK", 10, range(5))
    assert frames.shape == (5, 2, length)
    assert frames.dtype == measured.dtype == np.float32
    assert np.isfinite(frames).all()
    np.testing.assert_allclose(np.hypot(frames[:, 0], frames[:, 1]).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("mod", DIGITAL + ANALOG)
@pytest.mark.parametrize("label", [-10, 6])
def test_label_is_the_snr_in_clean_awgn(mod, label):
    recipe = make_recipe("clean", impairments=("awgn",), length=1024)
    signal, noise = signal_and_noise(recipe, 0, mod, label, range(60))
    assert np.mean(decibel(power(signal)) - decibel(power(noise))) == pytest.approx(label, abs=0.1)
    # each frame: the power of 1,024 noise samples varies by 0.14 dB
    assert np.abs(decibel(power(signal) / power(noise)) - label).max() < 0.7


def test_label_is_the_snr_after_the_channel_as_well():
    signal, noise = signal_and_noise(make_recipe("clean", length=1024), 0, "QPSK", 3, range(60))
    assert np.mean(decibel(power(signal) / power(noise))) == pytest.approx(3, abs=0.1)
    assert decibel(power(signal)).std() > 1


def test_measured_snr_is_that_of_signal_and_noise():
    recipe = make_recipe("rml2016")
    signal, noise = signal_and_noise(recipe, 0, "QPSK", 0, range(8))
    _, measured = make_frames(recipe, 0, "QPSK", 0, range(8))
    np.testing.assert_allclose(measured, decibel(power(signal) / power(noise)), atol=1e-4)


def test_legacy_snr_grows_by_two_for_each_decibel_of_the_label():
    recipe = make_recipe("rml2016")
    levels = [np.median(make_frames(recipe, 0, "GFSK", label, range(100))[1]) for label in (-20, 0, 18)]
    np.testing.assert_allclose(np.diff(levels), [40, 36], atol=1.0)


def test_legacy_snr_of_an_average_channel_is_twice_the_label_less_half_a_decibel():
    recipe = make_recipe("rml2016", frozen_channel=False)
    signal, noise = signal_and_noise(recipe, 0, "GFSK", 0, range(2000))
    # 1.76 of signal beside 2 of noise
    assert decibel(power(signal).mean() / power(noise).mean()) == pytest.approx(-0.6, abs=0.4)


def test_without_legacy_snr_the_published_preset_has_a_true_label():
    recipe = make_recipe("rml2016", legacy_snr=False)
    _, measured = make_frames(recipe, 0, "QPSK", -4, range(300))
    assert measured.mean() == pytest.approx(-4, abs=0.2)


def test_doubled_noise_costs_three_decibel():
    doubled, single = (
        make_frames(make_recipe("rml2016", doubled_noise=switch), 0, "QPSK", 4, range(20))[1]
        for switch in (True, False)
    )
    np.testing.assert_allclose(single - doubled, 3.01, atol=0.01)


def test_am_ssb_bug_leaves_noise_alone():
    broken, whole = (
        signal_and_noise(make_recipe("rml2016", am_ssb_bug=switch), 0, "AM-SSB", 10, range(4))[0]
        for switch in (True, False)
    )
    assert not broken.any()
    assert (power(whole) > 0.1).all()
    assert np.isneginf(make_frames(make_recipe("rml2016"), 0, "AM-SSB", 10, range(4))[1]).all()


def repeated_noise(recipe):
    """Share of noise samples at label 0 that occur more than once, over several classes."""
    noise = [signal_and_noise(recipe, 0, mod, 0, range(300))[1].ravel() for mod in ("QPSK", "BPSK", "GFSK")]
    noise = np.concatenate(noise).round(9)
    return 1 - len(np.unique(noise)) / len(noise)


def test_frozen_channel_repeats_its_noise():
    # 115,200 samples of a pool of 8,192
    assert repeated_noise(make_recipe("rml2016")) > 0.9
    assert repeated_noise(make_recipe("rml2016", frozen_channel=False)) == 0


def test_frozen_channel_is_one_path_for_all_frames():
    def spread(frozen):
        recipe = make_recipe("rml2016", impairments=("fading",), frozen_channel=frozen, audio_rms=0.0)
        return np.angle(signal_and_noise(recipe, 0, "AM-DSB", 0, range(200))[0][:, 0])

    # at 1 Hz a path turns by up to 1.4 rad in the 0.23 s of a run; otherwise each frame has a phase of its own
    resultant = [np.abs(np.exp(1j * spread(frozen)).mean()) for frozen in (True, False)]
    assert resultant[0] > 0.6
    assert resultant[1] < 0.25


def test_phase_is_drawn_only_where_it_is_an_impairment():
    def phases(impairments):
        recipe = make_recipe("clean", impairments=impairments, audio_rms=0.0)
        return np.angle(signal_and_noise(recipe, 0, "AM-DSB", 0, range(500))[0][:, 0])

    np.testing.assert_allclose(phases(()), 0, atol=1e-9)
    assert phases(("phase",)).std() == pytest.approx(2 * np.pi / np.sqrt(12), rel=0.1)


@pytest.mark.parametrize("off", ["awgn", "fading", "phase", "clock"])
def test_frame_keeps_its_noise_when_an_impairment_is_switched_off(off):
    every = ("awgn", "clock", "fading", "phase")
    recipe = make_recipe("clean", impairments=every)
    without = make_recipe("clean", impairments=tuple(name for name in every if name != off))
    signal, noise = signal_and_noise(recipe, 0, "QPSK", 0, range(3))
    other_signal, other_noise = signal_and_noise(without, 0, "QPSK", 0, range(3))
    if off == "awgn":
        np.testing.assert_array_equal(signal, other_signal)
        assert not other_noise.any()
    else:
        ratio = other_noise / noise
        np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones(128), rtol=1e-9)
        assert not np.allclose(signal, other_signal)


def test_frame_keeps_its_symbols_when_the_clock_is_switched_off():
    signals = [
        signal_and_noise(
            make_recipe("clean", impairments=impairments, cfo_max=0.0, cfo_step=0.0), 0, "BPSK", 0, range(20)
        )[0]
        for impairments in ((), ("clock",))
    ]
    # up to one sample of 8 apart
    correlation = (signals[0] * signals[1].conj()).sum(axis=1).real
    correlation /= np.linalg.norm(signals[0], axis=1) * np.linalg.norm(signals[1], axis=1)
    assert correlation.min() > 0.9


@pytest.mark.parametrize("preset", ["rml2016", "clean"])
@pytest.mark.parametrize("mod", ["QAM16", "CPFSK", "WBFM", "AM-DSB", "OQPSK"])
def test_frame_depends_on_its_number_alone(preset, mod):
    recipe = make_recipe(preset)
    together, measured = make_frames(recipe, 3, mod, -2, range(40))
    for numbers in ([17], [39, 0, 17], range(16, 20)):
        apart, apart_measured = make_frames(recipe, 3, mod, -2, numbers)
        np.testing.assert_array_equal(apart, together[list(numbers)])
        np.testing.assert_array_equal(apart_measured, measured[list(numbers)])


def test_frames_of_other_seeds_labels_modulations_and_numbers_differ():
    recipe = make_recipe("clean")
    frames = [
        make_frames(recipe, seed, mod, snr, [number])[0].tobytes()
        for seed, mod, snr, number in [
            (0, "QPSK", 0, 0),
            (1, "QPSK", 0, 0),
            (1 << 32, "QPSK", 0, 0),
            (0, "BPSK", 0, 0),
            (0, "QPSK", 2, 0),
            (0, "QPSK", -2, 0),
            (0, "QPSK", 0, 1),
        ]
    ]
    assert len(set(frames)) == len(frames)


def test_both_spellings_of_a_modulation_make_the_same_frames():
    recipe = make_recipe("clean")
    np.testing.assert_array_equal(
        make_frames(recipe, 0, "QAM16", 0, range(2))[0], make_frames(recipe, 0, "16QAM", 0, range(2))[0]
    )


@pytest.mark.parametrize("sps", [2, 4, 16])
def test_bandwidth_follows_samples_per_symbol(sps):
    recipe = make_recipe("clean", impairments=(), sps=sps, length=1024)
    signal, _ = signal_and_noise(recipe, 0, "QPSK", 0, range(20))
    spectrum = np.mean(np.abs(np.fft.fft(signal * np.blackman(1024))) ** 2, axis=0)
    inside = np.abs(np.fft.fftfreq(1024)) < 1.35 / 2 / sps + 3 / 1024
    assert spectrum[~inside].sum() / spectrum.sum() < 1e-4


@pytest.mark.parametrize("preset", ["rml2016", "clean"])
def test_extremes_of_length_and_rate_make_frames(preset):
    for changes in (dict(length=8, sps=64), dict(length=20_000, sps=2)):
        frames, _ = make_frames(make_recipe(preset, **changes), 0, "OQPSK", 0, range(2))
        assert np.isfinite(frames).all()


def test_windows_lie_in_the_run_as_the_published_script_cuts_them():
    recipe = make_recipe("rml2016")
    run = run_samples("QPSK", recipe)
    start = window_start(recipe, FrameStreams(0, "QPSK", 0, range(4000)), run)
    assert start.min() >= 50
    assert start.max() <= run - 128
    # the script, played
    rng, played = np.random.default_rng(0), []
    for _ in range(200):
        place = rng.integers(50, 500)
        while place + 128 <= run:
            played.append(place)
            place += rng.integers(128, round(0.05 * run))
    np.testing.assert_allclose(
        np.quantile(start, (0.01, 0.1, 0.5, 0.9)), np.quantile(played, (0.01, 0.1, 0.5, 0.9)), rtol=0.2
    )


def test_every_class_has_a_true_label_under_all_impairments():
    for mod in MOD_SETS["all"]:
        _, measured = make_frames(make_recipe("clean"), 0, mod, 10, range(30))
        assert measured.mean() == pytest.approx(10, abs=0.3), mod


def half_spectrum(recipe, mod, frames):
    """Power ``[F, L]`` of the signal without noise, and the size of each bin's frequency over the sample rate."""
    signal, _ = signal_and_noise(recipe, 0, mod, 0, range(frames))
    length = signal.shape[1]
    return np.abs(np.fft.fft(signal * np.blackman(length))) ** 2, np.abs(np.fft.fftfreq(length))


def test_symbol_rates_are_drawn_alike_and_are_those_of_the_signal():
    recipe = make_recipe("wide", length=512, impairments=())
    sps = frame_sps(recipe, 0, "QPSK", 0, range(300))
    assert set(sps.tolist()) == {4, 8, 16}
    assert np.bincount(sps)[[4, 8, 16]].min() > 70  # 100 +- 8 of each
    power, frequency = half_spectrum(recipe, "QPSK", 300)
    for rate in (4, 8, 16):
        share = power[sps == rate].sum(axis=0)
        # half of the largest bandwidth, (1 + 0.5) / sps, and the window's
        assert share[frequency > 0.75 / rate + 3 / 512].sum() / share.sum() < 1e-4
        assert share[frequency > 0.4 / rate].sum() / share.sum() > 0.1
    np.testing.assert_array_equal(frame_sps(make_recipe("clean"), 0, "QPSK", 0, range(3)), [8, 8, 8])


def test_rolloffs_are_drawn():
    def beyond(rolloff):
        power, frequency = half_spectrum(make_recipe("clean", length=512, rolloff=rolloff, impairments=()), "QPSK", 60)
        return power[:, frequency > 0.6 / 8 + 3 / 512].sum(axis=1) / power.sum(axis=1)

    narrow, wide, either = beyond(0.1), beyond(1.0), beyond((0.1, 1.0))
    # nothing beyond 0.55 symbol rates with a roll-off of 0.1
    assert narrow.max() < 1e-4 < wide.min()
    assert 15 < np.sum(either > 1e-4) < 45


def test_carrier_offset_and_phase_are_drawn():
    recipe = make_recipe("wide", length=1024, impairments=("clock", "phase"), audio_rms=0.0, cfo_max=3000.0)
    carrier, _ = signal_and_noise(recipe, 0, "AM-DSB", 0, range(400))
    hertz = np.angle((carrier[:, 1:] * carrier[:, :-1].conj()).sum(axis=1)) * 200e3 / (2 * np.pi)
    assert hertz.std() == pytest.approx(6000 / np.sqrt(12), rel=0.07)
    assert 2900 < np.abs(hertz).max() < 3001
    assert np.abs(np.exp(1j * np.angle(carrier[:, 0])).mean()) < 0.15


@pytest.mark.parametrize("sps", [8, (4, 16)])
def test_starts_are_where_the_noise_of_a_frozen_channel_was_cut_out(sps):
    recipe = make_recipe("rml2016", impairments=("awgn",), sps=sps)
    starts = frame_starts(recipe, 3, "BPSK", 2, range(30))
    _, noise = signal_and_noise(recipe, 3, "BPSK", 2, range(30))
    run = frozen_run(recipe, 160_000).noise  # a shorter run is the beginning of a longer one
    for start, heard in zip(starts, noise, strict=True):
        ratio = heard / run[start : start + 128]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
