import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden import double, load_golden

from common.losses import KDLoss, kd_loss


def logits(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(**options)


@pytest.mark.parametrize("case", ["case0", "case1", "case2"])
def test_kd_value_and_gradient_agree_with_the_reference(case):
    golden = load_golden("kd")[case]
    student = double(golden["student"], grad=True)
    loss = kd_loss(student, double(golden["teacher"]), temperature=float(golden["hp.T"]))
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss"]), rel=1e-9)
    np.testing.assert_allclose(student.grad.numpy(), golden["grad_student"], rtol=1e-9, atol=1e-12)


def test_kd_of_two_classes_by_hand():
    student = torch.zeros(1, 2, dtype=torch.float64)
    teacher = torch.tensor([[0.0, 2 * math.log(4)]], dtype=torch.float64)
    expected = 4 * (0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5))
    assert kd_loss(student, teacher, temperature=2.0).item() == pytest.approx(expected, rel=1e-12)


def test_dense_kd_is_the_mean_over_positions():
    student, teacher = logits(2, 5, 3, 4), logits(2, 5, 3, 4, seed=1)
    flat = [x.movedim(1, -1).reshape(-1, 5) for x in (student, teacher)]
    torch.testing.assert_close(kd_loss(student, teacher), kd_loss(*flat))


def test_kd_agrees_with_torch_kl_div():
    student, teacher = logits(6, 7), logits(6, 7, seed=1)
    expected = F.kl_div(F.log_softmax(student / 3, 1), F.softmax(teacher / 3, 1), reduction="batchmean") * 9
    torch.testing.assert_close(kd_loss(student, teacher, temperature=3.0), expected)


@pytest.mark.parametrize("label_shape", [(2, 3, 4), (2, 1, 3, 4)])
def test_ignored_positions_leave_the_mean(label_shape):
    student, teacher = logits(2, 5, 3, 4), logits(2, 5, 3, 4, seed=1)
    target = torch.zeros(label_shape, dtype=torch.long)
    target[..., 1:, :] = 255
    expected = kd_loss(student[:, :, :1], teacher[:, :, :1])
    torch.testing.assert_close(kd_loss(student, teacher, target=target), expected)


def test_labels_of_another_grid_are_read_at_the_cell_centres():
    student, teacher = logits(1, 5, 2, 2), logits(1, 5, 2, 2, seed=1)
    target = torch.full((1, 6, 6), 255)
    target[0, 1, 1] = 0  # the centre of the first 3 x 3 cell, and no other pixel
    expected = kd_loss(student[..., :1, :1], teacher[..., :1, :1])
    torch.testing.assert_close(kd_loss(student, teacher, target=target), expected)


@pytest.mark.parametrize("label_size", [(7, 5), (2, 3), (16, 24)])
def test_label_grids_that_are_no_multiple_follow_torch_nearest_exact(label_size):
    student, teacher = logits(1, 3, 4, 6), logits(1, 3, 4, 6, seed=1)
    labels = torch.arange(math.prod(label_size)).reshape(1, *label_size) % 2 * 255
    same_grid = F.interpolate(labels[:, None].double(), (4, 6), mode="nearest-exact")[:, 0].long()
    expected = kd_loss(student, teacher, target=same_grid)
    torch.testing.assert_close(kd_loss(student, teacher, target=labels), expected)


def test_an_all_void_target_gives_zero_and_zero_gradient():
    student = logits(1, 3, 2, 2).requires_grad_()
    loss = kd_loss(student, logits(1, 3, 2, 2, seed=1), target=torch.full((1, 2, 2), 255))
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() == 0


def test_kd_does_not_change_with_a_constant_per_position():
    student, teacher = logits(2, 5, 3, 4), logits(2, 5, 3, 4, seed=1)
    shift = 7 * logits(2, 1, 3, 4, seed=2)
    torch.testing.assert_close(kd_loss(student + shift, teacher - shift), kd_loss(student, teacher))


def test_identical_logits_give_zero_with_finite_gradient():
    student = logits(4, 10).requires_grad_()
    loss = kd_loss(student, student)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.abs().max() < 1e-12


def test_a_logit_gap_of_120_stays_finite_in_float32():
    student = torch.tensor([[120.0, 0.0, 0.0]], requires_grad=True)
    loss = kd_loss(student, torch.tensor([[0.0, 120.0, 0.0]]), temperature=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(120.0, rel=1e-5)
    assert torch.isfinite(student.grad).all()


def test_kd_gradient_by_finite_differences():
    student = logits(2, 4, 2, 3).requires_grad_()
    teacher = logits(2, 4, 2, 3, seed=1)
    target = torch.tensor([[[0, 1, 255], [255, 2, 3]]]).expand(2, 2, 3)
    assert torch.autograd.gradcheck(lambda s: kd_loss(s, teacher, 2.0, target), (student,))


def test_no_gradient_reaches_the_teacher():
    student, teacher = logits(2, 3).requires_grad_(), logits(2, 3, seed=1).requires_grad_()
    kd_loss(student, teacher).backward()
    assert teacher.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_logits_under_autocast_are_summed_in_float32(dtype):
    student, teacher = logits(2, 5, 8, 8, dtype=dtype), logits(2, 5, 8, 8, seed=1, dtype=dtype)
    with torch.autocast("cpu", dtype):
        loss = kd_loss(student.requires_grad_(), teacher)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), kd_loss(student.double(), teacher.double()), rtol=1e-5, atol=0)
    assert torch.isfinite(student.grad).all()


def test_float64_stays_float64():
    assert kd_loss(logits(2, 3), logits(2, 3)).dtype == torch.float64


@pytest.mark.parametrize(
    ("student", "teacher", "options", "message"),
    [
        ((2, 3), (2, 4), {}, r"expected teacher logits of shape \(N, C\, \*\) = \(2, 3\) but found \(2, 4\)"),
        ((2, 3, 4, 4), (2, 3), {}, r"teacher logits .* \(2, 3, 4, 4\) but found \(2, 3\)"),
        ((2, 3, 4, 4), (2, 3, 4, 5), {}, r"\(2, 3, 4, 4\) but found \(2, 3, 4, 5\)"),
        ((3,), (3,), {}, r"expected student logits of shape \(N, C, \*\) but found \(3,\)"),
        ((2, 3), (2, 3), {"temperature": 0}, "expected a temperature above 0 but found 0"),
        ((2, 3, 4, 4), (2, 3, 4, 4), {"target": torch.zeros(2, 4, 4)}, "expected integer labels as target"),
        ((2, 3, 4, 4), (2, 3, 4, 4), {"target": torch.zeros(2, 4).long()}, r"2 spatial axes but found \(2, 4\)"),
        ((2, 3, 4, 4), (2, 3, 4, 4), {"target": torch.zeros(1, 4, 4).long()}, "batch of 2 but found 1"),
    ],
)
def test_kd_refuses_what_does_not_fit(student, teacher, options, message):
    with pytest.raises(ValueError, match=message):
        kd_loss(torch.zeros(student), torch.zeros(teacher), **options)


def test_the_module_is_the_function():
    student, teacher = logits(1, 3, 2, 2), logits(1, 3, 2, 2, seed=1)
    target = torch.tensor([[[0, 7], [7, 1]]])
    module = KDLoss(temperature=2.0, ignore_index=7)
    assert module(student, teacher, target) == kd_loss(student, teacher, 2.0, target, ignore_index=7)
    assert not list(module.parameters())


def test_class_scores_are_never_adapted():
    assert kd_loss.adapter is None
    assert KDLoss.adapter is None
