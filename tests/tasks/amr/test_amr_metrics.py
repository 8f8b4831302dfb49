"""Accuracy by SNR."""

import pytest
import torch

from common.classification.metrics import class_scores
from tasks.amr.metrics import SignalScores, signal_scores

# Two frames at -10 dB, four at 0 dB, two at 10 dB; the last of each SNR, and one more at 0 dB, are wrong.
LABELS = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
SNRS = torch.tensor([-10.0, -10.0, 0.0, 0.0, 0.0, 0.0, 10.0, 10.0])
TAKEN_FOR = torch.tensor([0, 0, 0, 1, 1, 0, 0, 1])


def probabilities():
    sure = torch.full((8, 2), 0.3)
    sure[torch.arange(8), TAKEN_FOR] = 0.7
    return sure


def test_scores_by_hand():
    scores = signal_scores(probabilities(), LABELS, SNRS)
    assert scores["accuracy"] == pytest.approx(100 * 5 / 8)
    assert (scores["accuracy_at_-10dB"], scores["accuracy_at_0dB"], scores["accuracy_at_10dB"]) == (50, 50, 100)
    assert (scores["peak"], scores["peak_snr"]) == (100, 10)
    assert scores["accuracy_below_0dB"] == 50
    assert scores["accuracy_from_0dB"] == pytest.approx(100 * 4 / 6)
    assert scores.items() >= class_scores(probabilities(), LABELS).items()


def test_peak_is_the_first_of_equals():
    assert signal_scores(probabilities()[:6], LABELS[:6], SNRS[:6])["peak_snr"] == -10


@pytest.mark.parametrize(("chosen", "missing"), [(SNRS < 0, "accuracy_from_0dB"), (SNRS >= 0, "accuracy_below_0dB")])
def test_side_without_frames_has_no_score(chosen, missing):
    scores = signal_scores(probabilities()[chosen], LABELS[chosen], SNRS[chosen])
    assert missing not in scores
    assert all(value == value for value in scores.values())


def test_metric_gathers_batches_and_leaves_single_snrs_out():
    metric = SignalScores()
    samples = [
        {"pred_scores": scores, "gt_label": label, "gt_snr": snr}
        for scores, label, snr in zip(probabilities(), LABELS, SNRS, strict=True)
    ]
    metric.process({}, samples[:3])
    metric.process({}, samples[3:])
    expected = signal_scores(probabilities(), LABELS, SNRS)
    found = metric.evaluate(8)
    assert found == {name: value for name, value in expected.items() if not name.startswith("accuracy_at_")}
    assert len(found) == 8
