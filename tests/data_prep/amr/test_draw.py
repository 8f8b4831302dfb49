"""Frames drawn in memory: what differs from frame to frame, and that nothing else decides."""

import numpy as np
import pytest

from common.errors import ConfigError
from data_prep.amr.draw import draw_frames
from data_prep.amr.frames import frame_sps, received_parts
from data_prep.amr.recipe import MOD_SETS, make_recipe
from data_prep.amr.streams import FrameStreams


def waves(drawn):
    return drawn.frames[:, 0].astype(float) + 1j * drawn.frames[:, 1]


@pytest.mark.parametrize("length", [128, 256, 1024])
def test_draw_has_frames_of_every_class(length):
    mods = MOD_SETS["all"]
    drawn = draw_frames(make_recipe("wide", length=length), mods, (-6, 30), 2)
    assert drawn.frames.shape == (2 * len(mods), 2, length)
    assert (drawn.frames.dtype, drawn.snr.dtype, drawn.sps.dtype) == (np.float32, np.float32, np.int16)
    np.testing.assert_array_equal(drawn.labels, np.repeat(np.arange(len(mods)), 2))
    np.testing.assert_allclose(np.abs(waves(drawn)).sum(axis=1), 1, rtol=1e-5)


def test_snr_is_uniform_over_its_range_and_true():
    streams = FrameStreams(0, "QPSK", 0, range(40))
    wanted = np.linspace(-6.5, 30.5, 40)
    signal, noise, _ = received_parts(make_recipe("wide", length=1024), "QPSK", streams, wanted)
    powers = [np.mean(np.abs(part) ** 2, axis=1) for part in (signal, noise)]
    # the power of 1,024 noise samples varies by 0.14 dB
    np.testing.assert_allclose(10 * np.log10(powers[0] / powers[1]), wanted, atol=0.7)
    drawn = draw_frames(make_recipe("wide", length=8), ["QPSK"], (-6, 30), 2000).snr
    assert -6 <= drawn.min() < -5.8 < 29.8 < drawn.max() <= 30
    assert drawn.std() == pytest.approx(36 / np.sqrt(12), rel=0.05)


def test_noise_of_a_frame_is_that_of_its_snr():
    # a bare carrier: what is left without it is the noise
    recipe = make_recipe("clean", length=1024, impairments=("awgn",), audio_rms=0.0)
    drawn = draw_frames(recipe, ["AM-DSB"], (0, 30), 50)
    carrier = waves(drawn).mean(axis=1)
    noise = np.mean(np.abs(waves(drawn) - carrier[:, None]) ** 2, axis=1)
    np.testing.assert_allclose(10 * np.log10(np.abs(carrier) ** 2 / noise), drawn.snr, atol=0.7)


def test_symbol_rates_are_drawn_alike_and_are_those_of_the_signal():
    drawn = draw_frames(make_recipe("wide", length=512, impairments=()), ["QPSK"], (0, 0), 300)
    assert set(drawn.sps.tolist()) == {4, 8, 16}
    # 100 +- 8 of each
    assert np.bincount(drawn.sps)[[4, 8, 16]].min() > 70
    power = np.abs(np.fft.fft(waves(drawn) * np.blackman(512))) ** 2
    for sps in (4, 8, 16):
        share = power[drawn.sps == sps].sum(axis=0)
        # half of the largest bandwidth, (1 + 0.5) / sps, and the window's
        inside = np.abs(np.fft.fftfreq(512)) < 0.75 / sps + 3 / 512
        assert share[~inside].sum() / share.sum() < 1e-4
        narrower = np.abs(np.fft.fftfreq(512)) < 0.4 / sps
        assert share[~narrower].sum() / share.sum() > 0.1


def test_rolloffs_are_drawn():
    def beyond(rolloff):
        drawn = draw_frames(make_recipe("clean", length=512, rolloff=rolloff, impairments=()), ["QPSK"], (0, 0), 60)
        power = np.abs(np.fft.fft(waves(drawn) * np.blackman(512))) ** 2
        return power[:, np.abs(np.fft.fftfreq(512)) > 0.6 / 8 + 3 / 512].sum(axis=1) / power.sum(axis=1)

    narrow, wide, either = beyond(0.1), beyond(1.0), beyond((0.1, 1.0))
    # nothing beyond 0.55 symbol rates with a roll-off of 0.1
    assert narrow.max() < 1e-4 < wide.min()
    assert 15 < np.sum(either > 1e-4) < 45


def test_carrier_offset_and_phase_are_drawn():
    recipe = make_recipe("wide", length=1024, impairments=("clock", "phase"), audio_rms=0.0, cfo_max=3000.0)
    carrier = waves(draw_frames(recipe, ["AM-DSB"], (0, 0), 400))
    hertz = np.angle((carrier[:, 1:] * carrier[:, :-1].conj()).sum(axis=1)) * 200e3 / (2 * np.pi)
    assert hertz.std() == pytest.approx(6000 / np.sqrt(12), rel=0.07)
    assert 2900 < np.abs(hertz).max() < 3001
    assert np.abs(np.exp(1j * np.angle(carrier[:, 0])).mean()) < 0.15


def test_frame_depends_on_its_number_alone():
    recipe = make_recipe("wide", length=64)
    whole = draw_frames(recipe, ["BPSK", "WBFM"], (-6, 30), 1200, seed=3)
    part = draw_frames(recipe, ["WBFM"], (-6, 30), 150, seed=3, first=1000)
    rows = slice(1200 + 1000, 1200 + 1150)
    for name in ("frames", "snr", "sps"):
        np.testing.assert_array_equal(getattr(whole, name)[rows], getattr(part, name))


def test_draw_shares_no_random_numbers_with_a_labelled_set():
    drawn = draw_frames(make_recipe("clean", length=8), ["QPSK"], (0, 1), 1).snr
    of_labels = [FrameStreams(0, "QPSK", label, [0]).uniform(0, 1).item() for label in range(-100, 101)]
    assert np.abs(np.array(of_labels) - drawn).min() > 1e-6


def test_rates_of_labelled_frames_can_be_asked_for():
    recipe = make_recipe("wide", length=32)
    _, _, expected = received_parts(recipe, "GFSK", FrameStreams(1, "GFSK", 4, range(50)), 4)
    np.testing.assert_array_equal(frame_sps(recipe, 1, "GFSK", 4, range(50)), expected)
    np.testing.assert_array_equal(frame_sps(make_recipe("clean"), 1, "GFSK", 4, range(3)), [8, 8, 8])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(snrs=(30, -6)), r"SNRs as \(lowest, highest\) .* found \(30, -6\)"),
        (dict(snrs=(0, 101)), r"within \(-100, 100\) dB"),
        (dict(snrs=(0, float("nan"))), "lowest, highest"),
        (dict(mods=["QPKS"]), "did you mean 'QPSK'"),
        (dict(count=0), "frames >= 1"),
        (dict(first=-1), "first frame to be >= 0 but found -1"),
    ],
)
def test_impossible_draws_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        draw_frames(make_recipe("wide"), **{"mods": ["QPSK"], "snrs": (0, 10), "count": 1, **changes})
