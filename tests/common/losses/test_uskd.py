import math

import pytest
import torch

from common.losses import USKDLoss


def log(*probabilities: float) -> torch.Tensor:
    return torch.tensor([probabilities], dtype=torch.float64).log()


def even_weak_scores(num_classes: int = 4, **options) -> USKDLoss:
    """A loss whose weak scores are the same for all classes."""
    loss = USKDLoss(channels=2, num_classes=num_classes, **options).double()
    torch.nn.init.zeros_(loss.fc.weight)
    torch.nn.init.zeros_(loss.fc.bias)
    return loss


FEATURES = torch.ones(1, 2, dtype=torch.float64)
SCORES = log(0.4, 0.1, 0.3, 0.2)


@pytest.mark.parametrize("ranking", ["code", "paper"])
def test_the_terms_of_one_sample_by_hand(ranking):
    parts = even_weak_scores(ranking=ranking)(SCORES, FEATURES, torch.tensor([0]))
    # P is 1 for a sample alone. Classes 2, 3, 1 come second, third and fourth behind the label.
    places = {2: 1 / 2, 3: 1 / 3, 1: 1 / 4}
    among = {2: 0.3 / 0.6, 3: 0.2 / 0.6, 1: 0.1 / 0.6}
    expected = -sum(places[c] * math.log(among[c]) for c in places) / sum(places.values())
    assert parts["loss_target"].item() == pytest.approx(-math.log(0.4), rel=1e-12)
    assert parts["loss_nontarget"].item() == pytest.approx(0.1 * expected, rel=1e-12)
    assert parts["loss_weak"].item() == pytest.approx(0.005 * math.log(4), rel=1e-12)


def test_the_target_labels_are_squares_around_1():
    scores = torch.cat([log(0.5, 0.5), log(0.1, 0.9)])
    loss = even_weak_scores(num_classes=2)
    parts = loss(scores, FEATURES.expand(2, 2), torch.tensor([0, 0]))
    mean = (0.25 + 0.01) / 2
    expected = -((0.25 + 1 - mean) * math.log(0.5) + (0.01 + 1 - mean) * math.log(0.1)) / 2
    assert parts["loss_target"].item() == pytest.approx(expected, rel=1e-12)


def test_the_code_ranks_by_the_logits_where_the_paper_heeds_the_weak_scores():
    """Weak scores that put class 1 first, where the logits put it last."""
    found = {}
    for ranking in ("code", "paper"):
        loss = even_weak_scores(ranking=ranking, beta=1.0)
        with torch.no_grad():
            loss.fc.bias.copy_(log(0.25, 0.5, 0.15, 0.1)[0])
        found[ranking] = loss(SCORES, FEATURES, torch.tensor([0]))["loss_nontarget"].item()
    # Paper: R = 0.5/0.75 + 0.1/0.6 = 0.83 of class 1, 0.7 of class 2, 0.47 of class 3, 1.0 of the label.
    # Code: R = 0.67 - 1.20 of class 1, 0.2 - 0.63 of class 2, 0.13 - 0.84 of class 3, 0.33 - 0.48 of the label.
    among = {1: 0.1 / 0.6, 2: 0.3 / 0.6, 3: 0.2 / 0.6}
    places = {"paper": {1: 2, 2: 3, 3: 4}, "code": {2: 2, 1: 3, 3: 4}}
    for ranking, place in places.items():
        total = sum(1 / r for r in place.values())
        expected = -sum(math.log(among[c]) / r for c, r in place.items()) / total
        assert found[ranking] == pytest.approx(expected, rel=1e-12), ranking


def test_mixed_labels_leave_out_both_classes_and_share_the_target_term():
    soft = torch.tensor([[0.75, 0.0, 0.25, 0.0]], dtype=torch.float64)
    parts = even_weak_scores(beta=1.0)(SCORES, FEATURES, soft)
    assert parts["loss_target"].item() == pytest.approx(-0.75 * math.log(0.4) - 0.25 * math.log(0.3), rel=1e-12)
    # Classes 0, 2, 3, 1 in order: 1/3 and 1/4, that is 4/7 and 3/7, for the two that are left.
    expected = -(4 * math.log(0.2 / 0.3) + 3 * math.log(0.1 / 0.3)) / 7
    assert parts["loss_nontarget"].item() == pytest.approx(expected, rel=1e-12)


def test_the_layer_learns_from_the_weak_term_alone():
    loss = even_weak_scores()
    parts = loss(SCORES, FEATURES, torch.tensor([0]))
    assert torch.autograd.grad(parts["loss_weak"], loss.fc.bias)[0].abs().max() > 0
    assert not any(parts[name].requires_grad for name in ("loss_target", "loss_nontarget"))


def test_the_layer_takes_its_widths_from_shapes():
    loss = USKDLoss()
    loss.build(student=torch.Size([8, 10]), features=torch.Size([8, 16, 4, 4]))
    assert (loss.fc.in_features, loss.fc.out_features) == (16, 10)


def test_a_loss_without_layers_says_what_to_give():
    with pytest.raises(RuntimeError, match=r"no layers yet: give channels=, num_classes="):
        USKDLoss()(SCORES, FEATURES, torch.tensor([0]))


def test_an_unknown_ranking_is_refused():
    with pytest.raises(ValueError, match=r"ranking to be one of .* but found 'prob'"):
        USKDLoss(ranking="prob")


def test_mixed_labels_need_a_third_class():
    scores = log(0.5, 0.5)
    with pytest.raises(ValueError, match="at least 3 classes but found 2"):
        even_weak_scores(num_classes=2)(scores, FEATURES, scores.exp())
