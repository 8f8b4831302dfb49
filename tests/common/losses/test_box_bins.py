import pytest
import torch

from common.losses import LDLoss, kd_loss, ld_loss


def bins(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_sum_over_bins_is_kd_of_the_rows():
    student, teacher = bins(6, 5), bins(6, 5, seed=1)
    torch.testing.assert_close(ld_loss(student, teacher, 3.0, bins="sum"), kd_loss(student, teacher, 3.0))


def test_the_mean_over_bins_is_smaller_by_their_number():
    student, teacher = bins(6, 5), bins(6, 5, seed=1)
    torch.testing.assert_close(ld_loss(student, teacher), ld_loss(student, teacher, bins="sum") / 5)


def test_rows_without_weight_do_not_count_but_stay_in_the_mean():
    student, teacher = bins(4, 5), bins(4, 5, seed=1)
    weight = torch.tensor([3.0, 3.0, 0.0, 0.0], dtype=torch.float64)
    expected = 3 * ld_loss(student[:2], teacher[:2]) / 2
    torch.testing.assert_close(ld_loss(student, teacher, weights=weight), expected)


@pytest.mark.parametrize("factor", [8.0, torch.tensor(8.0, dtype=torch.float64)])
def test_the_average_factor_takes_the_place_of_the_number_of_rows(factor):
    student, teacher = bins(4, 5), bins(4, 5, seed=1)
    torch.testing.assert_close(ld_loss(student, teacher, avg_factor=factor), ld_loss(student, teacher) / 2)


def test_the_module_is_called_with_weights_and_the_average_factor():
    student, teacher, weight = bins(4, 5), bins(4, 5, seed=1), bins(4, seed=2).square()
    loss = LDLoss(temperature=2.0, bins="sum")
    assert loss(student, teacher, weight, weight.sum()) == ld_loss(student, teacher, 2.0, weight, weight.sum(), "sum")


@pytest.mark.parametrize("factor", [0, 0.0, torch.tensor(0.0, dtype=torch.float64)])
def test_an_average_factor_of_0_with_weights_of_0_gives_0(factor):
    assert ld_loss(bins(4, 5), bins(4, 5, seed=1), weights=torch.zeros(4).double(), avg_factor=factor) == 0


def test_a_batch_without_objects_gives_0_with_a_gradient():
    student = bins(0, 5).requires_grad_()
    for options in ({}, {"weights": bins(0), "avg_factor": 0.0}):
        loss = ld_loss(student, bins(0, 5), **options)
        assert loss == 0
        loss.backward()
    assert student.grad.shape == (0, 5)


def test_the_weights_are_held_constant():
    student, weight = bins(4, 5).requires_grad_(), bins(4, seed=2).square().requires_grad_()
    ld_loss(student, bins(4, 5, seed=1), weights=weight, avg_factor=weight.sum()).backward()
    assert weight.grad is None
    assert student.grad.abs().max() > 0
