"""ACAM-KD: attention, masks and what learns from them."""

import itertools

import pytest
import torch
from catalogue.base import random

from common.losses import ASCM, STCAFF, ACAMLoss, dice_diversity_loss
from common.losses.acam import exact_attention, fused_attention


def acam(**options):
    torch.manual_seed(0)
    return ACAMLoss(4, num_masks=3, **options).double()


def fusion(**options):
    torch.manual_seed(0)
    return STCAFF(4, **options).double()


def test_without_queries_every_position_gets_the_mean_of_the_values():
    layer = fusion(attention="exact")
    for each in (layer.queries, layer.keys):
        torch.nn.init.zeros_(each.weight)
        torch.nn.init.zeros_(each.bias)
    student = random(2, 4, 3, 5)
    expected = layer.values(student).mean((2, 3), keepdim=True).expand(-1, -1, 3, 5)
    torch.testing.assert_close(layer(student, random(2, 4, 3, 5, seed=1)), expected)


def test_attention_is_that_of_the_formula():
    layer, student, teacher = fusion(attention="exact"), random(1, 4, 2, 2), random(1, 4, 2, 2, seed=1)
    q, k, v = layer.queries(teacher)[0], layer.keys(student)[0], layer.values(student)[0]
    fused = layer(student, teacher)[0]
    places = list(itertools.product(range(2), range(2)))
    for i, j in places:
        scores = torch.stack([q[:, i, j] @ k[:, a, b] / 2**0.5 for a, b in places])  # C_q = 4 / 2
        expected = sum(share * v[:, a, b] for share, (a, b) in zip(scores.softmax(0), places, strict=True))
        torch.testing.assert_close(fused[:, i, j], expected)


@pytest.mark.parametrize("widths", [(2, 4), (4, 4), (6, 4)], ids=str)
def test_the_fused_kernels_give_the_exact_attention_and_its_gradients(widths):
    inner, outer = widths
    found = []
    for attend in (exact_attention, fused_attention):
        tensors = [3 * random(2, n, w, seed=n + w) for n, w in ((7, inner), (9, inner), (9, outer))]
        tensors = [each.requires_grad_() for each in tensors]
        result = attend(*tensors)
        found.append([result, *torch.autograd.grad((result * random(*result.shape)).sum(), tensors)])
    for exact, fused in zip(*found, strict=True):
        torch.testing.assert_close(fused, exact, rtol=1e-9, atol=1e-12)


def test_pooled_keys_are_averages_of_squares():
    student, teacher = random(1, 4, 5, 4), random(1, 4, 5, 4, seed=1)
    # At most 6 keys of 5 x 4 positions: squares of 2 give 3 x 2. The last row of squares is half outside.
    blocks = [student[:, :, i : i + 2, j : j + 2].mean((2, 3)) for i in (0, 2, 4) for j in (0, 2)]
    few = torch.stack(blocks, dim=2).unflatten(2, (3, 2))
    pooled, exact = fusion(attention="pooled", max_keys=6), fusion(attention="exact")
    queries = exact.queries(teacher).flatten(2).mT
    expected = exact_attention(queries, exact.keys(few).flatten(2).mT, exact.values(few).flatten(2).mT)
    torch.testing.assert_close(pooled(student, teacher), expected.mT.unflatten(2, (5, 4)))


def test_pooling_leaves_a_small_map_as_it_is():
    student, teacher = random(1, 4, 5, 4), random(1, 4, 5, 4, seed=1)
    found = fusion(attention="pooled", max_keys=20)(student, teacher)
    torch.testing.assert_close(found, fusion(attention="exact")(student, teacher))


def test_the_student_may_ask_the_teacher():
    student, teacher = random(1, 4, 2, 3), random(1, 4, 2, 3, seed=1)
    torch.testing.assert_close(fusion(query="student")(student, teacher), fusion()(teacher, student))


def test_masks_are_those_of_the_formulas():
    masking, fused = ASCM(2, num_masks=2).double(), random(1, 2, 1, 3)
    with torch.no_grad():
        masking.channel_units.copy_(torch.tensor([[1.0], [-2.0]]))
        masking.spatial_units.copy_(torch.tensor([[1.0, 0.0], [0.5, -1.0]]))
    masks = masking(fused)
    mean = fused[0].mean((1, 2))
    torch.testing.assert_close(masks.channel[0], torch.stack([mean, -2 * mean]).sigmoid())
    first, second = fused[0, :, 0]
    torch.testing.assert_close(masks.spatial[0, :, 0], torch.stack([first, 0.5 * first - second]).sigmoid())


def test_units_of_0_make_equal_masks_of_a_half():
    loss = acam()
    for each in loss.masking.parameters():
        torch.nn.init.zeros_(each)
    parts = loss(random(2, 4, 3, 5), random(2, 4, 3, 5, seed=1))
    assert parts["loss_diversity"].item() == pytest.approx(2)  # 1 for each kind
    assert [value.item() for value in loss.logged.values()] == [0.5, 0.5]
    # 1/M sum_m of 0.5² (s - t)² over all positions and channels, divided by 0.5 H W and C: half the mean square
    mean = (random(2, 4, 3, 5) - random(2, 4, 3, 5, seed=1)).square().mean().item()
    assert parts["loss_spatial"].item() == pytest.approx(mean / 2)
    assert parts["loss_channel"].item() == pytest.approx(mean / 2)


def test_equal_maps_leave_the_diversity_alone():
    maps = random(2, 4, 3, 5)
    parts = acam()(maps, maps)
    assert parts["loss_channel"] == parts["loss_spatial"] == 0
    assert parts["loss_diversity"] > 0


def test_the_weights_are_of_their_terms():
    inputs = random(2, 4, 3, 5), random(2, 4, 3, 5, seed=1)
    ones, others = acam()(*inputs), acam(alpha=2.0, diversity_weight=3.0)(*inputs)
    factors = [(others[name] / ones[name]).item() for name in ("loss_channel", "loss_spatial", "loss_diversity")]
    assert factors == pytest.approx([2, 2, 3])


def test_one_kind_of_masks_may_be_kept_apart():
    inputs = random(2, 4, 3, 5), random(2, 4, 3, 5, seed=1)
    loss = acam()
    whole = loss(*inputs)["loss_diversity"]
    kinds = {kind: acam(diverse=kind)(*inputs)["loss_diversity"] for kind in ("spatial", "channel")}
    torch.testing.assert_close(kinds["spatial"] + kinds["channel"], whole)
    torch.testing.assert_close(kinds["spatial"], dice_diversity_loss(loss.masks.spatial))


def gradients(loss, names):
    """Whether the student, the units and the fusion get a gradient from some of the terms."""
    student = random(1, 4, 3, 5).requires_grad_()
    parts = loss(student, random(1, 4, 3, 5, seed=1))
    wanted = (student, loss.masking.spatial_units, loss.fusion.values.weight)
    found = torch.autograd.grad(sum(parts[name] for name in names), wanted, allow_unused=True)
    return [each is not None and bool(each.abs().max() > 0) for each in found]


FEATURES, DIVERSITY = ("loss_channel", "loss_spatial"), ("loss_diversity",)


def test_masks_learn_from_all_terms_and_the_student_too():
    assert gradients(acam(), FEATURES) == gradients(acam(), DIVERSITY) == [True, True, True]


def test_detached_masks_learn_from_their_diversity_alone():
    assert gradients(acam(detach_masks=True), FEATURES) == [True, False, False]
    assert gradients(acam(detach_masks=True), DIVERSITY) == [True, True, True]


def test_a_detached_student_learns_from_the_squares_alone():
    assert gradients(acam(detach_student=True), FEATURES) == [True, True, True]
    assert gradients(acam(detach_student=True), DIVERSITY) == [False, True, True]


def test_widths_come_from_the_teachers_shape():
    loss = ACAMLoss()
    with pytest.raises(RuntimeError, match="give channels="):
        loss(torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2))
    loss.build(student=torch.Size([1, 4, 2, 2]), teacher=torch.Size([1, 6, 2, 2]))
    assert loss.fusion.channels == 6
    assert loss.masking.spatial_units.shape == (6, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": "both"}, "expected query to be one of .* 'both'"),
        ({"attention": "flash"}, "expected attention to be one of .* 'flash'"),
        ({"max_keys": 0}, "at least 1 but found 0 and 2"),
        ({"normalize": "sum"}, "expected normalize to be one of .* 'sum'"),
        ({"dice": "mean"}, "expected dice to be one of .* 'mean'"),
        ({"diverse": "none"}, "expected diverse to be one of .* 'none'"),
        ({"channels": 1}, "at least 2 channels for a reduction of 2 but found 1"),
        ({"channels": 4, "num_masks": 0}, "at least one mask but found 0"),
    ],
)
def test_what_is_unknown_is_refused_at_once(options, message):
    with pytest.raises(ValueError, match=message):
        ACAMLoss(**options)
