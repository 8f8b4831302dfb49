"""Frequency shift and resampling of streams, against whole-array results of NumPy and SciPy."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import resample_poly

from common.errors import ConfigError
from tasks.amr.tuning import rate_ratio, resample_stream, shift_frequency

RANDOM = np.random.default_rng(0)
SIGNAL = (RANDOM.standard_normal(3001) + 1j * RANDOM.standard_normal(3001)).astype(np.complex64)
CUTS = ([], [1, 2, 3], [700, 701, 2100], list(range(1, 3001)))


@pytest.mark.parametrize("cuts", CUTS[:3])
def test_shift_moves_the_spectrum_up_without_a_seam(cuts):
    blocks = shift_frequency(np.split(SIGNAL, cuts), 123.4, 1000.0)
    expected = SIGNAL * np.exp(2j * np.pi * 0.1234 * np.arange(len(SIGNAL)))
    np.testing.assert_allclose(np.concatenate(list(blocks)), expected, atol=2e-6)


def test_shift_keeps_its_phase_after_a_billion_samples():
    block = np.ones(1 << 20, np.complex64)

    def many():
        for _ in range(3):
            yield block

    # 0.3 turns a sample: after a whole number of tens of samples the phase is that of the start.
    *_, last = shift_frequency(many(), 3e5, 1e6)
    start = 2 << 20
    np.testing.assert_allclose(
        np.angle(last[:3]), np.angle(np.exp(2j * np.pi * 0.3 * (start % 10 + np.arange(3)))), atol=1e-5
    )


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("ratio", [(1, 2), (2, 1), (3, 7), (147, 160), (1, 100), (64, 1), (999, 1000)])
def test_resampled_blocks_are_those_of_the_whole_signal(ratio, cuts):
    found = np.concatenate(list(resample_stream(np.split(SIGNAL, cuts), Fraction(*ratio))))
    expected = resample_poly(SIGNAL.astype(complex), *ratio)
    assert found.dtype == np.complex64
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3e-6)


@pytest.mark.parametrize("length", [1, 2, 9, 10, 11])
def test_short_signals_are_resampled_too(length):
    for ratio in ((1, 10), (10, 1), (7, 3)):
        found = np.concatenate(list(resample_stream([SIGNAL[:length]], Fraction(*ratio))))
        np.testing.assert_allclose(found, resample_poly(SIGNAL[:length].astype(complex), *ratio), atol=3e-6)


def test_equal_rates_leave_the_samples_alone():
    (block,) = resample_stream([SIGNAL], Fraction(1))
    assert block is SIGNAL


def test_upsampling_hands_on_small_pieces():
    block = np.zeros(1 << 17, np.complex64)
    assert max(map(len, resample_stream([block], Fraction(64)))) <= 1 << 18


@pytest.mark.parametrize(
    ("target", "rate", "expected"),
    [
        (200e3, 2.4e6, Fraction(1, 12)),
        (44100, 48000, Fraction(147, 160)),
        (1e6, 1e6, 1),
        (8 * 25e3, 1e6, Fraction(1, 5)),
    ],
)
def test_ratio_of_related_rates_is_exact(target, rate, expected):
    assert rate_ratio(target, rate) == expected


def test_ratio_of_any_rates_is_right_within_10_ppm():
    for target in RANDOM.uniform(1e3, 6e7, 200):
        ratio = rate_ratio(target, 1e6)
        assert abs(float(ratio) / (target / 1e6) - 1) <= 1e-5
        assert max(ratio.numerator, ratio.denominator) < 1e5


@pytest.mark.parametrize("target", [1.0, 1e9])
def test_absurd_ratio_is_refused(target):
    with pytest.raises(ConfigError, match=r"factor of 1/4096 to 64 but found 1e[+]06 Hz"):
        rate_ratio(target, 1e6)
