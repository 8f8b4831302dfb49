"""Pulses against their definitions, sums written out and SciPy."""

import numpy as np
import pytest
from scipy.signal import upfirdn

from data_prep.amr.pulse import gaussian_pulse, interpolate, pulse_train, rrc_taps, symbols_before


@pytest.mark.parametrize("sps", [2, 4, 8])
@pytest.mark.parametrize("rolloff", [0.1, 0.25, 0.35, 1.0])
def test_two_root_raised_cosines_leave_no_intersymbol_interference(sps, rolloff):
    taps = rrc_taps(sps, rolloff)
    both = np.convolve(taps, taps)[(len(taps) - 1) % sps :: sps] / sps
    centre = len(both) // 2
    assert both[centre] == pytest.approx(1, abs=2e-3)
    assert np.abs(np.delete(both, centre)).max() < 2e-3


def test_root_raised_cosine_of_the_published_set_has_705_taps_of_power_one():
    taps = rrc_taps(8, 0.35)
    assert len(taps) == 705
    assert taps.sum() == pytest.approx(8)
    # mean power of unit symbols is the energy of the taps spread over a symbol
    assert (taps**2).sum() / 8 == pytest.approx(1, abs=2e-4)


def test_root_raised_cosine_spectrum_is_flat_then_3_db_down_then_empty():
    taps = rrc_taps(8, 0.35)
    frequency = np.array([0, 0.3, 0.5, 0.72]) / 8  # symbol rates
    response = np.abs(np.exp(-2j * np.pi * np.outer(frequency, np.arange(len(taps)))) @ taps) / 8
    np.testing.assert_allclose(response[:3], [1, 1, np.sqrt(0.5)], atol=2e-3)
    assert response[3] < 2e-3


def test_gaussian_pulse_is_symmetric_and_moves_one_symbol_by_its_sum():
    pulse = gaussian_pulse(8, 0.35)
    assert len(pulse) == 32 + 8 - 1
    assert pulse.sum() == pytest.approx(8)
    # the published taps lie half a sample early: t = (i + 1 - 16) / 8
    centre = (np.arange(len(pulse)) * pulse).sum() / pulse.sum()
    assert centre == pytest.approx((32 / 2 - 1) + 3.5, abs=1e-4)


def test_narrower_gaussian_spreads_over_more_symbols():
    assert gaussian_pulse(8, 0.3).max() < gaussian_pulse(8, 0.5).max() < 1


@pytest.mark.parametrize(("sps", "length"), [(8, 705), (5, 225), (8, 39), (4, 4), (3, 10)])
def test_pulse_train_is_upsampling_and_filtering(sps, length):
    rng = np.random.default_rng(0)
    taps, before = rng.normal(size=length), symbols_before(np.zeros(length), sps)
    symbols = rng.normal(size=(2, before + 6)) + 1j * rng.normal(size=(2, before + 6))
    expected = np.stack([upfirdn(taps, row, up=sps) for row in symbols])[:, before * sps : (before + 6) * sps]
    found = pulse_train(symbols, taps, sps)
    assert found.shape == (2, 6 * sps)
    np.testing.assert_allclose(found[:, : expected.shape[1]], expected, atol=1e-12)


@pytest.mark.parametrize("frequency", [0.0, 0.09, 0.17, 0.34])
def test_interpolation_finds_a_tone_between_its_samples(frequency):
    samples = np.exp(2j * np.pi * frequency * np.arange(80))[None]
    position = np.random.default_rng(1).uniform(8, 71, (1, 50))
    # -60 dB up to the band edge of 2 samples per symbol and roll-off 0.35
    np.testing.assert_allclose(interpolate(samples, position), np.exp(2j * np.pi * frequency * position), atol=1e-3)


def test_interpolation_at_whole_samples_changes_nothing():
    samples = np.random.default_rng(2).normal(size=(3, 40))
    position = np.broadcast_to(np.arange(10, 30), (3, 20))
    np.testing.assert_allclose(interpolate(samples, position.astype(float)), samples[:, 10:30], atol=1e-12)
