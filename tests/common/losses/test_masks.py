"""Soft masks: their overlap, features under them, and the tokens that make them."""

import numpy as np
import pytest
import torch
from catalogue.masks import golden_tokens
from golden_files import golden_cases

from common.losses import (
    DiceDiversityLoss,
    MasKDLoss,
    MaskedFeatureLoss,
    ReceptiveTokens,
    dice_diversity_loss,
    masked_feature_loss,
)

CASES = golden_cases("maskd")


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def masks(*shape, seed=0):
    return maps(*shape, seed=seed).sigmoid()


def doubles(values):
    return torch.tensor(values, dtype=torch.float64)


def under_masks(student, teacher, soft):
    """``(B, M, C, H, W)``: the squared differences of masked maps."""
    return ((student - teacher)[:, None] * soft[:, :, None]).square()


def test_equal_masks_overlap_fully_and_disjoint_ones_not_at_all():
    one = masks(2, 1, 3, 4)
    assert dice_diversity_loss(one.expand(2, 6, 3, 4)).item() == pytest.approx(1, abs=1e-10)
    assert dice_diversity_loss(torch.eye(6).double()[None]).item() == 0


def test_dice_is_the_mean_over_pairs():
    three = doubles([[[1, 1, 0], [0, 1, 0], [0, 0.5, 1]]])  # squared norms 2, 1, 1.25; products 1, 0.5, 0.5
    expected = (2 * 1 / 3 + 2 * 0.5 / 3.25 + 2 * 0.5 / 2.25) / 3
    assert dice_diversity_loss(three).item() == pytest.approx(expected)


def test_the_literal_form_is_a_quotient_of_sums():
    three = doubles([[[1, 1, 0], [0, 1, 0], [0, 0.5, 1]]])
    assert dice_diversity_loss(three, form="literal").item() == pytest.approx(2 * 2 * (1 + 0.5 + 0.5) / (2 * 4.25))
    assert dice_diversity_loss(masks(2, 1, 9).expand(2, 6, 9), form="literal").item() == pytest.approx(5)


def test_samples_are_averaged():
    both = torch.cat((torch.eye(3).double()[None], torch.ones(1, 3, 3).double()))
    assert dice_diversity_loss(both).item() == pytest.approx(1 / 2)
    assert DiceDiversityLoss(form="literal")(both).item() == pytest.approx(2 / 2)


@pytest.mark.parametrize("form", ["pairs", "literal"])
@pytest.mark.parametrize("value", [0.0, 0.7])
def test_a_single_mask_and_empty_masks_give_0_with_a_finite_gradient(form, value):
    for count in (1, 3) if value == 0 else (1,):
        soft = torch.full((2, count, 4), value).requires_grad_()
        loss = dice_diversity_loss(soft, form=form)
        loss.backward()
        assert loss == 0
        assert soft.grad.isfinite().all()


def test_features_under_masks_by_hand():
    difference = doubles([[[[2, 0], [0, 1]], [[0, 4], [0, 1]]]])  # squares averaged over channels: 2, 8, 0, 1
    soft = doubles([[[[1, 0.5], [0, 0]], [[0, 0], [0.5, 0.5]]]])
    each = [(2 + 8 / 4) / 1.5, (0 + 1 / 4) / 1]
    zero = torch.zeros_like(difference)
    assert masked_feature_loss(difference, zero, soft).item() == pytest.approx(sum(each) / 2)
    weighted = masked_feature_loss(difference, zero, soft, doubles([[0.9, 0.1]]))
    assert weighted.item() == pytest.approx(0.9 * each[0] + 0.1 * each[1])


def test_a_full_mask_gives_the_mean_squared_error():
    student, teacher = maps(2, 3, 4, 5), maps(2, 3, 4, 5, seed=1)
    expected = torch.nn.functional.mse_loss(student, teacher)
    for soft in (torch.ones(2, 2, 4, 5), torch.ones(2, 2, 3)):
        for normalize in ("mask", "positions"):
            found = masked_feature_loss(student, teacher, soft.double(), normalize=normalize)
            torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("normalize", "divisor"),
    [
        ("mask", lambda soft: soft.sum((2, 3))),
        ("positions", lambda soft: 20),
        ("typeset", lambda soft: 1 / soft.sum((2, 3))),
    ],
)
def test_the_sum_over_positions_is_divided_by_what_was_asked_for(normalize, divisor):
    student, teacher, soft = maps(2, 3, 4, 5), maps(2, 3, 4, 5, seed=1), masks(2, 6, 4, 5)
    expected = (under_masks(student, teacher, soft).sum((3, 4)).mean(2) / divisor(soft)).mean()
    found = masked_feature_loss(student, teacher, soft, normalize=normalize)
    torch.testing.assert_close(found, expected)


def test_a_mask_that_is_not_squared_weighs_the_squares():
    student, teacher, soft = maps(1, 3, 4, 5), maps(1, 3, 4, 5, seed=1), masks(1, 1, 4, 5)
    expected = np.average((student - teacher).square().mean(1)[0], weights=soft[0, 0])
    loss = MaskedFeatureLoss(squared_mask=False)(student, teacher, soft)
    assert loss.item() == pytest.approx(expected)


def test_masks_over_channels_are_masks_over_positions_with_the_axes_exchanged():
    student, teacher, soft = maps(2, 3, 1, 5), maps(2, 3, 1, 5, seed=1), masks(2, 4, 3)
    turned = [each.transpose(1, 3) for each in (student, teacher)]
    for normalize in ("mask", "positions", "typeset"):
        found = masked_feature_loss(student, teacher, soft, normalize=normalize)
        expected = masked_feature_loss(*turned, soft[:, :, None], normalize=normalize)
        torch.testing.assert_close(found, expected)


def test_an_empty_mask_gives_0_with_a_finite_gradient():
    student, soft = torch.ones(1, 2, 3, 3).requires_grad_(), torch.zeros(1, 2, 3, 3).requires_grad_()
    loss = masked_feature_loss(student, torch.zeros(1, 2, 3, 3), soft)
    loss.backward()
    assert loss == 0
    assert student.grad.isfinite().all()
    assert soft.grad.isfinite().all()


def test_tokens_see_what_those_of_the_reference_see():
    case = CASES[0]
    seen = golden_tokens(case)(case["feature"])
    for name, found in {"masks": seen.masks, "masked_feature": seen.masked, "token_weights": seen.weights}.items():
        np.testing.assert_allclose(found.detach(), case.arrays[f"out.{name}"], rtol=1e-9, atol=1e-12, err_msg=name)
    scores = CASES[4]
    found = golden_tokens(scores).masks(scores["teacher"]).detach()
    np.testing.assert_allclose(found, scores.arrays["out.masks"], rtol=1e-9)


def test_tokens_without_weights_sum_the_masks():
    tokens = ReceptiveTokens(3, 4, weighted=False).double()
    torch.nn.init.zeros_(tokens.tokens)
    feature = maps(2, 3, 2, 2)
    seen = tokens(feature)
    assert seen.weights is None
    torch.testing.assert_close(seen.masks, torch.full((2, 4, 2, 2), 0.5).double())
    torch.testing.assert_close(seen.masked, 2 * feature)


def test_new_tokens_are_small_and_their_weights_start_from_the_fan_out():
    torch.manual_seed(0)
    tokens = ReceptiveTokens(64, 200)
    assert tokens.tokens.std().item() == pytest.approx(0.01, rel=0.03)
    first, _, last = tokens.probability
    assert first.weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.03)
    assert last.weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.03)
    assert first.bias.abs().max() == last.bias.abs().max() == 0


def test_a_single_map_is_a_pyramid_of_one_level():
    tokens = ReceptiveTokens(3, 2).double()
    student, teacher = maps(2, 3, 2, 2), maps(2, 3, 2, 2, seed=1)
    loss = MasKDLoss(tokens)
    assert loss(student, teacher) == loss([student], [teacher])
    expected = masked_feature_loss(student, teacher, tokens.masks(teacher), tokens.weights(teacher))
    torch.testing.assert_close(loss(student, teacher), expected.detach())


def test_the_form_for_class_scores_halves_and_does_not_weigh():
    tokens = ReceptiveTokens(3, 2, weighted=False).double()
    student, teacher = maps(2, 3, 2, 2), maps(2, 3, 2, 2, seed=1)
    expected = 0.5 * masked_feature_loss(student, teacher, tokens.masks(teacher), eps=1e-5)
    torch.testing.assert_close(MasKDLoss(tokens, form="segmentation")(student, teacher), expected.detach())


@pytest.mark.parametrize("student_mask", [False, True])
def test_no_gradient_flows_through_the_masks(student_mask):
    tokens = ReceptiveTokens(3, 2).double()
    student, teacher = maps(2, 3, 2, 2).requires_grad_(), maps(2, 3, 2, 2, seed=1)
    MasKDLoss(tokens, student_mask=student_mask)(student, teacher).backward()
    soft = tokens.masks(teacher) * (tokens.masks(student) if student_mask else 1)
    scale = (tokens.weights(teacher)[:, :, None, None] * soft.square() / soft.sum((2, 3), keepdim=True)).sum(1)
    expected = 2 * (student - teacher) * scale[:, None] / (3 * 2)  # mean over 3 channels and 2 samples
    torch.testing.assert_close(student.grad, expected.detach())
    assert all(weight.grad is None and not weight.requires_grad for weight in tokens.parameters())


def test_the_student_s_masks_join_after_the_calls_asked_for():
    tokens = ReceptiveTokens(3, 2).double()
    student, teacher = maps(2, 3, 2, 2), maps(2, 3, 2, 2, seed=1)
    without, with_masks = (MasKDLoss(tokens, student_mask=each)(student, teacher) for each in (False, True))
    loss = MasKDLoss(tokens, student_mask=True, student_mask_from=2)
    assert [loss(student, teacher) for _ in range(3)] == [without, without, with_masks]
    resumed = MasKDLoss(tokens, student_mask=True, student_mask_from=2)
    resumed.load_state_dict(loss.state_dict())
    assert resumed.eval()(student, teacher) == with_masks
    loss = loss.eval()
    loss(student, teacher)
    assert loss.calls == 3


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("widths", [(4,), (4, 8)])
def test_tokens_are_read_from_the_file_they_were_saved_to(tmp_path, widths, weighted):
    trained = [ReceptiveTokens(width, 2, weighted) for width in widths]
    saved = trained[0] if len(trained) == 1 else torch.nn.ModuleList(trained)
    torch.save(saved.state_dict(), tmp_path / "tokens.pth")
    loss = MasKDLoss(str(tmp_path / "tokens.pth"))
    levels = [[torch.randn(2, width, 2, 2) for width in widths] for _ in range(2)]
    assert loss(*levels) == MasKDLoss(trained)(*levels)
    assert not any(weight.requires_grad for weight in loss.parameters())


def test_a_file_without_trained_tokens_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"trained tokens \(see ReceptiveTokens\) at nowhere.pth but found no file"):
        MasKDLoss("nowhere.pth")
    for content in (b"", b"hello", None):
        path = tmp_path / "other.pth"
        torch.save(torch.nn.Linear(2, 3).state_dict(), path) if content is None else path.write_bytes(content)
        with pytest.raises(ValueError, match=r"state dict of trained tokens in .*other.pth but found another file"):
            MasKDLoss(path)


def test_what_does_not_fit_the_tokens_is_refused():
    tokens = ReceptiveTokens(4)
    with pytest.raises(ValueError, match=r"teacher map .* = \(2, 4, 2, 2\) but found \(2, 3, 2, 2\)"):
        MasKDLoss(tokens)(torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2))
    with pytest.raises(ValueError, match=r"form to be one of .* but found 'panoptic'"):
        MasKDLoss(tokens, form="panoptic")
