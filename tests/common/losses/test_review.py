"""Knowledge review: the loss over scales, and the fusion of levels."""

import numpy as np
import pytest
import torch
from catalogue.review import levels, review_loss, review_weights
from golden_files import golden_cases

from common.losses import AttentionBasedFusion, HCLLoss, ReviewKDLoss, hcl_loss


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def checkerboard(rows, columns):
    board = (torch.arange(rows)[:, None] + torch.arange(columns)) % 2
    return (2.0 * board - 1).double()[None, None]


def zeros(*shape):
    return torch.zeros(*shape, dtype=torch.float64)


@pytest.fixture(scope="module")
def case():
    return golden_cases("hcl")[2]


def test_the_same_difference_everywhere_weighs_alike_at_all_scales():
    assert hcl_loss(zeros(2, 3, 8, 8), zeros(2, 3, 8, 8) + 2).item() == pytest.approx(4)


@pytest.mark.parametrize(
    ("rows", "columns", "weights"),
    [(8, 8, 1 + 1 / 2 + 1 / 4 + 1 / 8), (4, 4, 1 + 1 / 2 + 1 / 4), (2, 8, 1 + 1 / 2), (1, 8, 1)],
)
def test_differences_that_cancel_within_the_cells_are_seen_at_the_map_alone(rows, columns, weights):
    loss = hcl_loss(checkerboard(rows, columns), zeros(1, 1, rows, columns)).item()
    assert loss == pytest.approx(1 / weights)


def test_the_grids_follow_the_rows_of_a_map_that_is_not_square():
    student = torch.tensor([1.0, -1.0]).double().repeat(8, 1)[None, None]  # 8 rows, 2 columns
    # 4x4 repeats the columns and keeps their differences, as does 2x2; 1x1 cancels them.
    assert hcl_loss(student, zeros(1, 1, 8, 2)).item() == pytest.approx(
        (1 + 1 / 2 + 1 / 4) / (1 + 1 / 2 + 1 / 4 + 1 / 8)
    )


def test_levels_are_summed():
    student, teacher = [maps(2, 3, 4, 4), maps(2, 5, 2, 2)], [maps(2, 3, 4, 4, seed=1), maps(2, 5, 2, 2, seed=1)]
    expected = hcl_loss(student[0], teacher[0]) + hcl_loss([student[1]], [teacher[1]])
    torch.testing.assert_close(hcl_loss(student, tuple(teacher)), expected)
    torch.testing.assert_close(HCLLoss()(student, teacher), expected)


def test_the_fused_levels_are_those_of_the_reference(case):
    loss = review_loss(case)
    loss.load_state_dict({**loss.state_dict(), **review_weights(case)})
    fused = loss.fuse(levels(case, "student"), [level.shape[2:] for level in levels(case, "teacher")])
    for level, found in enumerate(fused):
        np.testing.assert_allclose(found.detach(), case.arrays[f"out.fused{level}"], rtol=1e-9, atol=1e-12)


def test_fusion_weighs_the_level_and_the_deeper_residual():
    fusion = AttentionBasedFusion(2, 2, 3).double().eval()
    fusion.entrance[0].weight.data = torch.eye(2, dtype=torch.float64)[:, :, None, None]
    fusion.attention.weight.data.zero_()
    fusion.attention.bias.data = torch.tensor([3.0, 1 / 4], dtype=torch.float64).log()  # weights 3/4 and 1/5
    feature, residual = maps(1, 2, 4, 4), maps(1, 2, 2, 2, seed=1)
    _, mixed = fusion(feature, residual)
    normalised = feature / (1 + 1e-5) ** 0.5  # by the running statistics 0 and 1
    repeated = residual.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(mixed, 3 / 4 * normalised + repeated / 5)


def test_the_outputs_have_the_teachers_channels_and_grids():
    student = [maps(2, 4, 6, 8), maps(2, 5, 3, 4)]
    fused = ReviewKDLoss([4, 5], [7, 9]).double().fuse(student, [(12, 16), (2, 3)])
    assert [tuple(level.shape) for level in fused] == [(2, 7, 12, 16), (2, 9, 2, 3)]


def test_a_level_learns_from_those_below_it_and_not_from_those_above():
    student = [maps(2, 4, 4, 4).requires_grad_(), maps(2, 4, 2, 2, seed=1).requires_grad_()]
    loss = ReviewKDLoss([4, 4], [4, 4]).double()
    shallow, deep = loss.fuse(student, [(4, 4), (2, 2)])
    deep.square().sum().backward(retain_graph=True)
    assert student[0].grad is None
    student[1].grad = None
    shallow.square().sum().backward()
    assert student[0].grad.abs().sum() > 0
    assert student[1].grad.abs().sum() > 0


def test_the_fusion_starts_from_uniform_weights_of_a_variance_of_1_by_fan_in():
    torch.manual_seed(0)
    fusion = AttentionBasedFusion(50, 200, 30)
    for weight in (fusion.entrance[0].weight, fusion.exit[0].weight):
        fan_in = weight[0].numel()
        assert weight.abs().max().item() == pytest.approx((3 / fan_in) ** 0.5, rel=0.01)
        assert weight.var().item() == pytest.approx(1 / fan_in, rel=0.05)


@pytest.mark.parametrize(("deepest", "expected"), [(6, 6), (1280, 512)])
def test_the_width_of_the_residual_is_the_students_deepest_and_at_most_512(deepest, expected):
    given, built = ReviewKDLoss([4, deepest], [5, 7]), ReviewKDLoss()
    built.build(
        student=[torch.Size((2, 4, 4, 4)), torch.Size((2, deepest, 2, 2))],
        teacher=[torch.Size((2, 5, 4, 4)), torch.Size((2, 7, 2, 2))],
    )
    for loss in (given, built):
        assert [fusion.entrance[0].out_channels for fusion in loss.fusions] == [expected, expected]
        assert [fusion.exit[0].out_channels for fusion in loss.fusions] == [5, 7]


def test_a_given_residual_width_is_kept_when_shapes_give_the_rest():
    loss = ReviewKDLoss(mid_channels=3)
    loss.build(student=torch.Size((2, 4, 4, 4)), teacher=torch.Size((2, 5, 4, 4)))
    assert loss.fusions[0].entrance[0].out_channels == 3
    assert loss(torch.zeros(2, 4, 4, 4), torch.zeros(2, 5, 4, 4)).isfinite()


def test_a_single_value_per_channel_is_refused_in_training_and_taken_in_evaluation():
    loss = ReviewKDLoss([4], [5])
    sample = [torch.zeros(1, 4, 1, 1)], [torch.zeros(1, 5, 1, 1)]
    with pytest.raises(ValueError, match="at least 2 samples at level 0"):
        loss(*sample)
    assert loss.eval()(*sample).isfinite()
    assert loss.train()([torch.zeros(1, 4, 2, 1)], [torch.zeros(1, 5, 2, 1)]).isfinite()


def test_without_layers_the_loss_says_what_to_give():
    with pytest.raises(RuntimeError, match="student_channels=, teacher_channels="):
        ReviewKDLoss()([maps(2, 4, 2, 2)], [maps(2, 4, 2, 2)])


def test_levels_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match="as many teacher as student levels but found 1 and 2"):
        ReviewKDLoss([4, 4], [4])
    with pytest.raises(ValueError, match="expected 2 levels but found 1"):
        ReviewKDLoss([4, 4], [4, 4])([torch.zeros(2, 4, 2, 2)], [torch.zeros(2, 4, 2, 2)])
    with pytest.raises(ValueError, match="at least 1, but found 0 and 0"):
        hcl_loss([], [])
    with pytest.raises(ValueError, match=r"teacher map at level 1 .* but found \(2, 3, 2, 2\)"):
        hcl_loss([torch.zeros(2, 3, 4, 4)] * 2, [torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 2, 2)])
