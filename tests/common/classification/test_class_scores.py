import math

import pytest
import torch
from sklearn.metrics import f1_score

from common.classification.metrics import ClassScores, class_scores
from common.errors import ConfigError


def test_scores_by_hand():
    probabilities = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.9, 0.1]])
    labels = torch.tensor([0, 1, 1, 0])
    scores = class_scores(probabilities, labels)
    assert scores["accuracy"] == 75
    assert scores["nll"] == pytest.approx(-sum(map(math.log, (0.8, 0.4, 0.7, 0.9))) / 4, rel=1e-6)
    # Four predictions in bins of their own: confidence against being right, a quarter each.
    assert scores["ece"] == pytest.approx(100 * (0.2 + 0.6 + 0.3 + 0.1) / 4, rel=1e-5)


def test_macro_f1_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(200, 5, generator=generator).softmax(1)
    labels = torch.randint(5, (200,), generator=generator)
    expected = 100 * f1_score(labels, probabilities.argmax(1), average="macro")
    assert class_scores(probabilities, labels)["macro_f1"] == pytest.approx(expected, rel=1e-5)


def test_a_class_of_probability_zero_keeps_the_likelihood_finite():
    assert math.isfinite(class_scores(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))["nll"])


def test_the_metric_gathers_batches():
    metric = ClassScores()
    sample = {"pred_scores": torch.tensor([0.9, 0.1]), "gt_label": torch.tensor(0)}
    metric.process({}, [sample])
    metric.process({}, [{**sample, "gt_label": torch.tensor(1)}])
    assert metric.evaluate(2)["accuracy"] == 50


def test_a_label_beyond_the_networks_classes_is_named():
    with pytest.raises(ConfigError, match=r"expected labels 0 to 1, .* but found 7; set num_classes"):
        class_scores(torch.full((2, 2), 0.5), torch.tensor([1, 7]))
