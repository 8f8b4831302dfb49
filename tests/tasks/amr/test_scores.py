import math

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_calibration_error

from tasks.amr.scores import (
    Confusion,
    accuracy,
    accuracy_by_class,
    chance,
    confidence_bins,
    confused_pairs,
    fit_temperature,
    shares,
)


@pytest.fixture
def frames():
    """Labels, predictions and SNRs of 500 frames of four classes."""
    random = np.random.default_rng(0)
    labels, predictions = random.integers(4, size=(2, 500))
    return labels, predictions, random.choice([-20.0, -2.0, 0.0, 18.0], 500)


def test_confusion_at_each_snr_is_that_of_scikit_learn(frames):
    labels, predictions, snrs = frames
    found = Confusion.of(*frames, 4)
    assert found.snrs == (-20.0, -2.0, 0.0, 18.0)
    for snr, counts in zip(found.snrs, found.counts, strict=True):
        at = snrs == snr
        np.testing.assert_array_equal(counts, confusion_matrix(labels[at], predictions[at], labels=range(4)))


def test_frames_between_two_snrs_include_both_ends(frames):
    labels, predictions, snrs = frames
    found = Confusion.of(*frames, 4)
    at = (snrs >= -2) & (snrs <= 0)
    np.testing.assert_array_equal(found.between(-2, 0), confusion_matrix(labels[at], predictions[at]))
    np.testing.assert_array_equal(found.between(), confusion_matrix(labels, predictions))
    assert found.between(3, 4).tolist() == np.zeros((4, 4)).tolist()


def test_checkpoints_counted_together_are_the_sum(frames):
    found = Confusion.of(*frames, 4)
    np.testing.assert_array_equal((found + found).counts, 2 * found.counts)


# Six frames of A, of which three are right and three are taken for B; two of B, one taken for C; none of C.
COUNTS = np.array([[3, 3, 0], [0, 1, 1], [0, 0, 0]])


def test_accuracy_overall_and_by_class_is_in_percent_and_unknown_without_frames():
    assert accuracy(COUNTS) == 50.0
    np.testing.assert_array_equal(accuracy_by_class(COUNTS), [50.0, 50.0, math.nan])
    np.testing.assert_array_equal(accuracy(np.stack([COUNTS, 0 * COUNTS])), [50.0, math.nan])


def test_shares_of_a_class_sum_to_100():
    np.testing.assert_array_equal(shares(COUNTS), [[50, 50, 0], [0, 50, 50], [math.nan] * 3])


def test_chance_is_the_share_of_the_largest_class():
    assert chance(COUNTS) == 75.0
    assert chance(np.full((4, 4), 5)) == 25.0


def test_confused_pairs_go_by_the_mean_of_both_directions_and_leave_out_those_never_confused():
    counts = np.array([[8, 2, 0, 0], [4, 6, 0, 0], [0, 0, 5, 5], [0, 0, 0, 10]])
    first, second = confused_pairs(counts, "ABCD")
    assert first == ("A", "B", 20.0, 40.0)
    assert second == ("C", "D", 50.0, 0.0)
    assert len(confused_pairs(counts, "ABCD", most=1)) == 1


def test_a_class_without_frames_can_still_be_what_another_is_taken_for():
    (pair,) = confused_pairs(np.array([[1, 3], [0, 0]]), ["A", "B"])
    assert pair[:3] == ("A", "B", 75.0)
    assert math.isnan(pair.second_as_first)


@pytest.mark.parametrize("true", [0.3, 1.0, 2.5])
def test_temperature_is_found_that_the_labels_were_drawn_with(true):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20000, 5, generator=generator)
    labels = torch.multinomial((logits / true).softmax(dim=1), 1, generator=generator).squeeze(1)
    assert fit_temperature(logits, labels) == pytest.approx(true, rel=0.03)


def test_temperature_of_two_classes_makes_the_confidence_the_accuracy():
    # Logits (2, 0) say 88 %; three of four are right, so 2 / T must be ln(3).
    logits = torch.tensor([[2.0, 0.0]] * 4)
    assert fit_temperature(logits, torch.tensor([0, 0, 0, 1])) == pytest.approx(2 / math.log(3), rel=1e-3)


def test_temperature_stays_within_bounds_where_every_frame_is_right():
    assert fit_temperature(torch.eye(3), torch.arange(3)) == pytest.approx(0.05, rel=0.01)


def test_bins_of_a_reliability_diagram_make_the_expected_calibration_error():
    generator = torch.Generator().manual_seed(0)
    probabilities = (2 * torch.randn(3000, 6, generator=generator)).softmax(dim=1)
    labels = torch.randint(6, (3000,), generator=generator)
    frames, sure, right = confidence_bins(probabilities, labels).T
    assert frames.sum() == 3000
    expected = multiclass_calibration_error(probabilities, labels, 6, n_bins=15)
    assert np.abs(sure - right).sum() / 3000 == pytest.approx(float(expected), abs=1e-6)


def test_a_network_that_is_always_sure_lies_in_the_last_bin():
    bins = confidence_bins(torch.eye(2), torch.tensor([0, 0]))
    assert bins[-1].tolist() == [2.0, 2.0, 1.0]
    assert bins[:-1].sum() == 0
