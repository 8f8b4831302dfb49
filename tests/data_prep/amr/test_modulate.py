"""Every modulation, demodulated by the textbook."""

import numpy as np
import pytest

from data_prep.amr.constellations import LINEAR, constellation
from data_prep.amr.modulate import modulated, run_samples
from data_prep.amr.pulse import rrc_taps
from data_prep.amr.recipe import MOD_SETS, make_recipe
from data_prep.amr.streams import FrameStreams

START = np.array([2000, 2003, 2008, 2013])


def waves(mod, count, preset="clean", start=START, **changes):
    recipe = make_recipe(preset, **changes)
    return modulated(mod, recipe, FrameStreams(0, mod, 0, range(len(start))), start, count)


def received(wave, start, sps, late=0):
    """Matched filter, sampled where symbols arrive: both filters together are late by whole symbols."""
    taps = rrc_taps(sps, 0.35)
    first = (late - start) % sps
    return np.convolve(wave, taps, "valid")[first::sps] / sps


@pytest.mark.parametrize("mod", LINEAR)
@pytest.mark.parametrize("sps", [4, 8])
def test_matched_filter_gives_back_the_points(mod, sps):
    points = constellation(mod)
    for wave, start in zip(waves(mod, 88 * sps + 60 * sps, sps=sps), START, strict=True):
        symbols = received(wave, start, sps)
        assert np.abs(symbols[:, None] - points).min(axis=1).max() < 0.01


def test_all_points_are_used_alike():
    wave = waves("16QAM", 88 * 8 + 3000 * 8)[0]
    nearest = np.abs(received(wave, START[0], 8)[:, None] - constellation("16QAM")).argmin(axis=1)
    counts = np.bincount(nearest, minlength=16)
    # 3001 / 16 = 188 +- 13
    assert counts.min() > 188 - 4 * 13
    assert counts.max() < 188 + 4 * 13


@pytest.mark.parametrize("mod", ["QPSK", "PAM4", "32QAM", "64APSK", "OQPSK"])
def test_average_power_is_one(mod):
    power = np.mean(np.abs(waves(mod, 20_000)) ** 2)
    assert power == pytest.approx(1, abs=0.03)


def test_published_scale_gives_pam4_its_higher_power():
    power = np.mean(np.abs(waves("PAM4", 20_000, preset="rml2016")) ** 2)
    assert power == pytest.approx(1.25, abs=0.05)


def test_quadrature_of_oqpsk_is_half_a_symbol_late():
    for wave, start in zip(waves("OQPSK", 1500), START, strict=True):
        np.testing.assert_allclose(np.abs(received(wave, start, 8).real), np.sqrt(0.5), atol=0.01)
        np.testing.assert_allclose(np.abs(received(wave, start, 8, late=4).imag), np.sqrt(0.5), atol=0.01)
        assert np.abs(received(wave, start, 8).imag).std() > 0.1


@pytest.mark.parametrize("mod", ["CPFSK", "GFSK", "GMSK"])
@pytest.mark.parametrize("sps", [2, 8])
def test_frequency_shift_keying_has_a_constant_envelope(mod, sps):
    np.testing.assert_allclose(np.abs(waves(mod, 300, sps=sps)), 1, atol=1e-12)


def test_cpfsk_turns_by_a_quarter_for_each_symbol():
    for wave, start in zip(waves("CPFSK", 400), START, strict=True):
        steps = np.angle(wave[1:] * wave[:-1].conj())
        np.testing.assert_allclose(np.abs(steps), np.pi / 16, atol=1e-9)
        symbols = steps[(-1 - start) % 8 :][: 8 * 40].reshape(-1, 8)
        np.testing.assert_allclose(symbols, symbols[:, :1] * np.ones(8), atol=1e-9)


@pytest.mark.parametrize(("mod", "turn"), [("GFSK", 0.8), ("GMSK", np.pi / 2)])
def test_gaussian_keying_turns_by_at_most_its_sensitivity(mod, turn):
    wave = waves(mod, 4000)
    steps = np.angle(wave[:, 1:] * wave[:, :-1].conj())
    # a run of equal bits settles at turn / 8 per sample; nothing goes beyond
    assert np.abs(steps).max() <= turn / 8 + 1e-9
    assert np.abs(steps).max() > 0.999 * turn / 8


def test_gmsk_is_narrower_than_cpfsk_of_the_same_index():
    def power_beyond(mod, edge):
        spectrum = np.mean(np.abs(np.fft.fft(waves(mod, 4096) * np.hanning(4096))) ** 2, axis=0)
        return spectrum[np.abs(np.fft.fftfreq(4096)) > edge].sum() / spectrum.sum()

    assert power_beyond("GMSK", 1.0 / 8) < 1e-4
    assert power_beyond("CPFSK", 1.0 / 8) > 1e-3


def test_pulse_filter_starts_up_at_the_start_of_a_run():
    early = np.abs(waves("QPSK", 3000, start=np.array([0]))[0])
    assert early[:150].max() < 0.05
    # 704 taps end; the mean power is then that of any place
    assert np.mean(early[704:] ** 2) == pytest.approx(1, abs=0.15)


def test_same_place_of_a_run_holds_the_same_samples():
    whole, again = waves("QPSK", 80, start=np.array([2000])), waves("QPSK", 77, start=np.array([2003]))
    np.testing.assert_array_equal(whole[:, 3:], again)


# 10,000 bits: BPSK one each, 8PSK three, at 8 samples per symbol; audio of 10,000 / 44.1 kHz at 200 and at 220.5 kHz
@pytest.mark.parametrize(
    ("mod", "samples"),
    [("BPSK", 80_000), ("QPSK", 40_000), ("8PSK", 26_664), ("QAM64", 40_000), ("AM-DSB", 45_351), ("WBFM", 50_000)],
)
def test_runs_are_as_long_as_published(mod, samples):
    assert run_samples(mod, make_recipe("rml2016")) == samples


def test_every_class_of_every_set_can_be_made():
    for mod in MOD_SETS["all"]:
        wave = waves(mod, 40)
        assert wave.shape == (4, 40)
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() > 0
