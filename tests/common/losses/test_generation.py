"""Masked generation."""

import math

import pytest
import torch
from golden_files import golden_cases

from common.losses import MGDLoss
from common.losses.generation import keep_mask


def loss_that_generates_what_it_gets(channels, **options):
    """The convolutions pass on what is not negative."""
    loss = MGDLoss(channels, **options).double()
    for layer in (loss.generation[0], loss.generation[2]):
        torch.nn.init.dirac_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return loss


def ones(*shape):
    return torch.ones(*shape, dtype=torch.float64)


@pytest.mark.parametrize("case", golden_cases("mgd"), ids=lambda case: case.name)
def test_the_mask_of_uniform_draws_is_that_of_the_reference(case):
    mask = keep_mask(case["mask_uniform"], case.hp("lambda"), case.hp("kind"))
    assert torch.equal(mask, case["mask"])


@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_a_ratio_of_0_keeps_everything(kind):
    assert keep_mask(torch.tensor([0.0, 0.5, 1 - 2**-24]), 0.0, kind).tolist() == [1, 1, 1]


def test_a_draw_on_the_border_is_kept():
    assert keep_mask(torch.tensor([0.25, 0.75]), 0.75, "spatial").tolist() == [1, 0]
    assert keep_mask(torch.tensor([0.25, 0.75]), 0.75, "channel").tolist() == [0, 1]


def test_squares_are_summed_over_the_map_and_averaged_over_samples():
    student = ones(2, 3, 2, 2)
    teacher = 3 * ones(2, 3, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).double().expand(2, 1, 2, 2)
    loss = loss_that_generates_what_it_gets(3, alpha=0.1)(student, teacher, mask)
    assert loss.item() == pytest.approx(0.1 * 3 * (2**2 + 3 * 3**2))


@pytest.mark.parametrize(
    ("kind", "shape", "share"), [("spatial", (1, 4, 100, 100), 4), ("channel", (10, 1000, 2, 2), 4 / 10)]
)
def test_the_drawn_mask_drops_its_share_of_whole_positions_or_channels(kind, shape, share):
    torch.manual_seed(0)
    loss = loss_that_generates_what_it_gets(shape[1], alpha=1.0, mask_ratio=0.65, kind=kind)
    found = loss(ones(*shape), 0 * ones(*shape)).item()
    draws = 10_000
    kept = found / share
    assert kept == pytest.approx(round(kept))  # of positions in all channels, of channels at all positions
    assert abs(kept - 0.35 * draws) < 5 * math.sqrt(draws * 0.65 * 0.35)


def test_masks_are_drawn_anew_and_repeat_with_the_seed():
    loss, student = loss_that_generates_what_it_gets(1), ones(1, 1, 16, 16)
    torch.manual_seed(0)
    first, second = loss(student, 0 * student), loss(student, 0 * student)
    torch.manual_seed(0)
    assert first != second
    assert loss(student, 0 * student) == first


def test_the_layers_have_the_teachers_channels():
    loss = MGDLoss()
    loss.build(student=torch.Size((2, 6, 4, 4)), teacher=torch.Size((2, 6, 4, 4)))
    assert [tuple(weight.shape) for weight in loss.parameters()] == [(6, 6, 3, 3), (6,), (6, 6, 3, 3), (6,)]
    assert MGDLoss.adapter == "auto"


def test_other_channels_than_those_of_the_layers_are_refused():
    with pytest.raises(ValueError, match=r"student map .* = \(2, 3, 4, 4\) but found \(2, 5, 4, 4\)"):
        MGDLoss(3)(torch.zeros(2, 5, 4, 4), torch.zeros(2, 5, 4, 4))


def test_options_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"mask_ratio within 0\.\.1 but found 65"):
        MGDLoss(3, mask_ratio=65)
    with pytest.raises(ValueError, match=r"kind to be one of .* but found 'pixel'"):
        MGDLoss(3, kind="pixel")


def test_without_layers_the_loss_says_what_to_give():
    with pytest.raises(RuntimeError, match="MGDLoss has no layers yet: give channels="):
        MGDLoss()(torch.zeros(2, 5, 4, 4), torch.zeros(2, 5, 4, 4))
