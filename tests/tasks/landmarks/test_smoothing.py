import math

import numpy as np
import pytest

from tasks.landmarks.smoothing import OneEuroFilter, jitter


def alpha(cutoff, elapsed):
    tau = 1 / (2 * math.pi * cutoff)
    return 1 / (1 + tau / elapsed)


def scalar_filter(values, times, min_cutoff, beta, derivative_cutoff):
    """Algorithm 1 of the paper, one number at a time."""
    out, slope = [values[0]], 0.0
    for before, now, value in zip(times, times[1:], values[1:], strict=False):
        elapsed = now - before
        new_slope = (value - out[-1]) / elapsed
        weight = alpha(derivative_cutoff, elapsed)
        slope = weight * new_slope + (1 - weight) * slope
        weight = alpha(min_cutoff + beta * abs(slope), elapsed)
        out.append(weight * value + (1 - weight) * out[-1])
    return out


def test_each_coordinate_alone_is_the_papers_algorithm_at_uneven_times():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.1, 40))
    values = rng.normal(size=(40, 3, 1)).cumsum(axis=0)
    smooth = OneEuroFilter(0.7, 0.3, 1.5)
    found = np.stack([smooth(value, time) for value, time in zip(values, times, strict=True)])
    for point in range(3):
        expected = scalar_filter(values[:, point, 0].tolist(), times.tolist(), 0.7, 0.3, 1.5)
        np.testing.assert_allclose(found[:, point, 0], expected, rtol=1e-12)


def test_without_beta_a_step_is_an_exponential_approach():
    smooth = OneEuroFilter(min_cutoff=2.0, beta=0.0)
    smooth(np.zeros((1, 2)), 0.0)
    weight = alpha(2.0, 0.1)
    for number in (1, 2, 3):
        found = smooth(np.ones((1, 2)), 0.1 * number)
        np.testing.assert_allclose(found, 1 - (1 - weight) ** number)


def test_cutoff_follows_the_length_of_the_velocity():
    """Speed 3 and 4 along x and y: the cutoff is that of 5, in whatever direction."""
    smooth = OneEuroFilter(1.0, 2.0, derivative_cutoff=1e12)
    smooth(np.zeros((1, 2)), 0.0)
    found = smooth(np.array([[3.0, 4.0]]), 1.0)
    np.testing.assert_allclose(found, alpha(1 + 2 * 5, 1.0) * np.array([[3.0, 4.0]]))


def test_resting_points_tremble_less_and_a_fast_one_lags_little():
    rng = np.random.default_rng(1)
    truth = np.zeros((300, 10, 2))
    noisy = truth + rng.normal(0, 0.01, truth.shape)
    smooth = OneEuroFilter(1.0, 5.0)
    found = np.stack([smooth(value, frame / 30) for frame, value in enumerate(noisy)])
    assert jitter(found[50:], truth[50:]) < 0.5 * jitter(noisy[50:], truth[50:])
    slow, quick = OneEuroFilter(1.0, 0.0), OneEuroFilter(1.0, 5.0)
    for frame in range(30):
        place = np.array([[frame / 10, 0.0]])
        behind = [float((place - each(place, frame / 30))[0, 0]) for each in (slow, quick)]
    assert behind[1] < 0.2 * behind[0]


def test_a_jump_starts_anew_and_a_smaller_move_does_not():
    smooth = OneEuroFilter(1.0, jump=0.5)
    start = np.zeros((4, 2))
    smooth(start, 0.0)
    near = smooth(start + 0.3, 0.1)
    assert 0 < near.max() < 0.3
    np.testing.assert_array_equal(smooth(start + 9, 0.2), start + 9)
    np.testing.assert_allclose(smooth(start + 9.1, 0.3) - 9, 0.1 * alpha(1.0, 0.1))  # no speed is left of the jump


def test_reset_lets_the_next_values_pass():
    smooth = OneEuroFilter(0.1)
    smooth(np.zeros((2, 2)), 5.0)
    smooth.reset()
    np.testing.assert_array_equal(smooth(np.ones((3, 2)), 0.0), np.ones((3, 2)))


def test_what_it_returns_is_the_callers_own():
    smooth = OneEuroFilter(1.0)
    values = np.zeros((1, 2))
    smooth(values, 0.0)[:] = 7
    values[:] = 7
    np.testing.assert_array_equal(smooth(np.zeros((1, 2)), 1.0), np.zeros((1, 2)))


@pytest.mark.parametrize("seconds", [1.0, 0.5, math.nan])
def test_time_must_go_on(seconds):
    smooth = OneEuroFilter()
    smooth(np.zeros((1, 2)), 1.0)
    with pytest.raises(ValueError, match=r"a time after 1\.0 s but found"):
        smooth(np.zeros((1, 2)), seconds)


def test_another_number_of_points_is_refused():
    smooth = OneEuroFilter()
    smooth(np.zeros((3, 2)), 0.0)
    with pytest.raises(ValueError, match=r"expected values \[3, 2\] but found \[4, 2\]"):
        smooth(np.zeros((4, 2)), 1.0)


@pytest.mark.parametrize("wrong", [{"min_cutoff": 0}, {"derivative_cutoff": -1}, {"beta": -0.1}])
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="cutoffs above 0 and beta of at least 0"):
        OneEuroFilter(**wrong)


def test_jitter_of_independent_errors_is_twice_their_deviation():
    rng = np.random.default_rng(2)
    truth = np.linspace(0, 50, 4000)[:, None, None] * np.ones((1, 5, 2))
    noisy = truth + rng.normal(0, 0.3, truth.shape)
    assert jitter(noisy, truth) == pytest.approx(0.6, rel=0.02)
    assert jitter(noisy) == pytest.approx(0.6, rel=0.02)  # truth moves evenly, so it need not be known


def test_jitter_of_a_fixed_error_is_none():
    truth = np.random.default_rng(3).normal(size=(5, 2, 2))
    assert jitter(truth + 3, truth) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="more than 1 frames but found 1"):
        jitter(truth[:1], truth[:1])
