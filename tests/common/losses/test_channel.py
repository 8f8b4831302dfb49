import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden import double, load_golden

from common.losses import CWDLoss, cwd_loss


def maps(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(**options)


@pytest.mark.parametrize("case", ["case0", "case1", "case2"])
def test_cwd_value_and_gradient_agree_with_the_reference(case):
    golden = load_golden("cwd")[case]
    student = double(golden["student"], grad=True)
    loss = cwd_loss(student, double(golden["teacher"]), temperature=float(golden["hp.tau"]))
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss"]), rel=1e-9)
    np.testing.assert_allclose(student.grad.numpy(), golden["grad_student"], rtol=1e-9, atol=1e-12)


def test_cwd_after_a_projection_divides_by_the_teachers_channels():
    golden = load_golden("cwd")["case3"]
    student, weight = double(golden["student"], grad=True), double(golden["w.conv.weight"], grad=True)
    loss = cwd_loss(F.conv2d(student, weight), double(golden["teacher"]), temperature=float(golden["hp.tau"]))
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss"]), rel=1e-9)
    np.testing.assert_allclose(student.grad.numpy(), golden["grad_student"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weight.grad.numpy(), golden["grad_w.conv.weight"], rtol=1e-9, atol=1e-12)


def test_cwd_of_two_positions_by_hand():
    student = torch.zeros(1, 2, 1, 2, dtype=torch.float64)
    teacher = torch.tensor([[[[0.0, 2 * math.log(4)]], [[5.0, 5.0]]]], dtype=torch.float64)
    one_channel = 4 * (0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5))
    assert cwd_loss(student, teacher, temperature=2.0).item() == pytest.approx(one_channel / 2, rel=1e-12)


def test_cwd_does_not_change_with_a_constant_per_channel():
    student, teacher = maps(2, 5, 3, 4), maps(2, 5, 3, 4, seed=1)
    shift = 7 * maps(2, 5, 1, 1, seed=2)
    torch.testing.assert_close(cwd_loss(student + shift, teacher - shift), cwd_loss(student, teacher))


def test_cwd_does_not_change_with_the_order_of_positions():
    student, teacher = maps(2, 3, 4, 6), maps(2, 3, 4, 6, seed=1)
    torch.testing.assert_close(cwd_loss(student.flip(2), teacher.flip(2)), cwd_loss(student, teacher))
    torch.testing.assert_close(cwd_loss(student.flatten(2), teacher.flatten(2)), cwd_loss(student, teacher))


def test_identical_maps_give_zero_with_finite_gradient():
    student = maps(2, 3, 4, 4).requires_grad_()
    loss = cwd_loss(student, student)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() < 1e-12


def test_a_peak_of_120_stays_finite_in_float32():
    student, teacher = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    student[0, 0, 0, 0] = teacher[0, 0, 3, 3] = 120.0
    loss = cwd_loss(student.requires_grad_(), teacher)
    loss.backward()
    assert loss.item() == pytest.approx(120.0, rel=1e-5)
    assert torch.isfinite(student.grad).all()


def test_cwd_gradient_by_finite_differences():
    student, teacher = maps(2, 3, 2, 3).requires_grad_(), maps(2, 3, 2, 3, seed=1)
    assert torch.autograd.gradcheck(lambda s: cwd_loss(s, teacher, 4.0), (student,))


def test_no_gradient_reaches_the_teacher():
    student, teacher = maps(1, 2, 3, 3).requires_grad_(), maps(1, 2, 3, 3, seed=1).requires_grad_()
    cwd_loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_maps_under_autocast_are_summed_in_float32(dtype):
    student, teacher = maps(2, 5, 16, 16, dtype=dtype), maps(2, 5, 16, 16, seed=1, dtype=dtype)
    with torch.autocast("cpu", dtype):
        loss = cwd_loss(student.requires_grad_(), teacher)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), cwd_loss(student.double(), teacher.double()), rtol=1e-5, atol=0)
    assert torch.isfinite(student.grad).all()


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
