import pytest
import torch
from catalogue.base import random

from common.losses import haar_step, wavelet_loss


def test_a_haar_step_of_four_numbers_by_hand():
    rest, detail = haar_step(torch.tensor([[[[1.0, 2.0], [5.0, 10.0]]]]))
    assert rest.flatten().tolist() == [9]
    assert detail.flatten().tolist() == [-6, -3, 2]  # upper less lower, left less right, diagonal less the other


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (1, 1)])
def test_a_haar_step_keeps_the_energy(size):
    features = random(2, 3, *size)
    rest, detail = haar_step(features)
    torch.testing.assert_close(rest.square().sum() + detail.square().sum(), features.square().sum())


def test_details_are_separable_differences_and_sums():
    features = random(2, 3, 4, 6)
    _, detail = haar_step(features)
    down = features.unflatten(2, (2, 2))
    vertical = (down[:, :, :, 0] - down[:, :, :, 1]).unflatten(3, (3, 2)).sum(-1) / 2
    torch.testing.assert_close(detail[:, :, 0], vertical)


def test_each_step_adds_the_mean_absolute_difference_of_its_detail():
    student, teacher = random(2, 3, 8, 8), random(2, 3, 8, 8, seed=1)
    expected, maps = 0, (student, teacher)
    for _ in range(3):
        (s_rest, s_detail), (t_rest, t_detail) = (haar_step(each) for each in maps)
        expected = expected + (s_detail - t_detail).abs().mean()
        maps = (s_rest, t_rest)
    torch.testing.assert_close(wavelet_loss(student, teacher), expected)


def test_a_constant_difference_shows_only_at_the_border_of_odd_sides():
    teacher = random(1, 2, 8, 8)
    assert wavelet_loss(teacher + 1, teacher).item() == pytest.approx(0, abs=1e-12)
    # The column is followed by one of zeros: the detail from left to right is 1, the other two are 0.
    assert wavelet_loss(torch.ones(1, 1, 2, 1), torch.zeros(1, 1, 2, 1), depth=1).item() == pytest.approx(1 / 3)


def test_maps_are_brought_to_the_teachers_width_and_the_students_grid():
    assert wavelet_loss.adapter == "auto"
    assert wavelet_loss.resize
