import math

import pytest
import torch

from common.losses import CWDLoss, cwd_loss


def maps(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(**options)


def test_cwd_of_two_positions_by_hand():
    student = torch.zeros(1, 2, 1, 2, dtype=torch.float64)
    teacher = torch.tensor([[[[0.0, 2 * math.log(4)]], [[5.0, 5.0]]]], dtype=torch.float64)
    one_channel = 4 * (0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5))
    assert cwd_loss(student, teacher, temperature=2.0).item() == pytest.approx(one_channel / 2, rel=1e-12)


def test_positions_may_lie_along_one_axis():
    student, teacher = maps(2, 3, 4, 6), maps(2, 3, 4, 6, seed=1)
    torch.testing.assert_close(cwd_loss(student.flatten(2), teacher.flatten(2)), cwd_loss(student, teacher))


@pytest.mark.parametrize(
    ("student", "teacher", "temperature", "message"),
    [
        ((2, 3, 4, 4), (2, 5, 4, 4), 1, r"expected teacher map .* = \(2, 3, 4, 4\) but found \(2, 5, 4, 4\)"),
        ((2, 3, 4, 4), (2, 3, 2, 2), 1, r"\(2, 3, 4, 4\) but found \(2, 3, 2, 2\)"),
        ((2, 3), (2, 3), 1, r"expected student map of shape \(B, C, \*\) but found \(2, 3\)"),
        ((2, 3, 4, 4), (2, 3, 4, 4), -1, "expected a temperature above 0 but found -1"),
    ],
)
def test_cwd_refuses_what_does_not_fit(student, teacher, temperature, message):
    with pytest.raises(ValueError, match=message):
        cwd_loss(torch.zeros(student), torch.zeros(teacher), temperature)


def test_the_module_is_the_function():
    student, teacher = maps(1, 3, 2, 2), maps(1, 3, 2, 2, seed=1)
    assert CWDLoss(temperature=4.0)(student, teacher) == cwd_loss(student, teacher, 4.0)


def test_maps_may_be_adapted_to_the_teachers_channels():
    assert cwd_loss.adapter == "auto"
    assert CWDLoss.adapter == "auto"
