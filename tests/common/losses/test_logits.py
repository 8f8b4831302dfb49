import math

import pytest
import torch
import torch.nn.functional as F

from common.losses import KDLoss, dist_loss, dkd_loss, kd_loss, lskd_loss, nkd_loss, wsld_loss


def logits(*shape: int, seed: int = 0, **options) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(**options)


def rows(scores: torch.Tensor) -> torch.Tensor:
    """Dense scores as one row a position."""
    return scores.movedim(1, -1).flatten(0, -2)


def test_kd_of_two_classes_by_hand():
    student = torch.zeros(1, 2, dtype=torch.float64)
    teacher = torch.tensor([[0.0, 2 * math.log(4)]], dtype=torch.float64)
    expected = 4 * (0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5))
    assert kd_loss(student, teacher, temperature=2.0).item() == pytest.approx(expected, rel=1e-12)


def test_kd_agrees_with_torch_kl_div():
    student, teacher = logits(6, 7), logits(6, 7, seed=1)
    expected = F.kl_div(F.log_softmax(student / 3, 1), F.softmax(teacher / 3, 1), reduction="batchmean") * 9
    torch.testing.assert_close(kd_loss(student, teacher, temperature=3.0), expected)


def test_the_kd_gradient_is_the_difference_of_the_probabilities():
    student, teacher = logits(6, 7).requires_grad_(), logits(6, 7, seed=1)
    kd_loss(student, teacher, temperature=3.0).backward()
    expected = 3 * (F.softmax(student / 3, 1) - F.softmax(teacher / 3, 1)) / 6
    torch.testing.assert_close(student.grad, expected.detach())


PLAIN = [kd_loss, lskd_loss, dist_loss]  # the target only says which positions to ignore
LABELLED = [dkd_loss, nkd_loss, wsld_loss]
each_loss = pytest.mark.parametrize("loss", PLAIN + LABELLED)


@each_loss
def test_the_positions_of_dense_scores_are_samples(loss):
    student, teacher = logits(2, 5, 3, 4), logits(2, 5, 3, 4, seed=1)
    target = torch.arange(24).reshape(2, 3, 4) % 5
    flat = loss(rows(student), rows(teacher), target=target.flatten())
    torch.testing.assert_close(loss(student, teacher, target=target), flat)


@each_loss
@pytest.mark.parametrize("label_shape", [(2, 3, 4), (2, 1, 3, 4)])
def test_ignored_positions_leave_the_mean(loss, label_shape):
    student, teacher = logits(2, 5, 3, 4), logits(2, 5, 3, 4, seed=1)
    target = torch.zeros(label_shape, dtype=torch.long)
    expected = loss(student[:, :, :1], teacher[:, :, :1], target=target[..., :1, :])
    target[..., 1:, :] = 255
    torch.testing.assert_close(loss(student, teacher, target=target), expected)


@each_loss
def test_another_label_may_be_ignored(loss):
    student, teacher = logits(6, 5), logits(6, 5, seed=1)
    target = torch.tensor([0, 1, -1, 3, 4, -1])
    kept = target >= 0
    expected = loss(student[kept], teacher[kept], target=target[kept])
    torch.testing.assert_close(loss(student, teacher, target=target, ignore_index=-1), expected)


@each_loss
def test_class_255_of_many_is_a_class_like_any_other(loss):
    student, teacher = logits(4, 300), logits(4, 300, seed=1)
    target = torch.tensor([255, 0, 3, 255])
    renamed = torch.tensor([299, 0, 3, 299])
    swapped = [torch.cat([x[:, :255], x[:, 299:], x[:, 256:299], x[:, 255:256]], 1) for x in (student, teacher)]
    torch.testing.assert_close(loss(student, teacher, target=target), loss(*swapped, target=renamed))


@each_loss
def test_an_all_void_target_gives_zero_and_zero_gradient(loss):
    student = logits(1, 3, 2, 2).requires_grad_()
    value = loss(student, logits(1, 3, 2, 2, seed=1), target=torch.full((1, 2, 2), 255))
    value.backward()
    assert value.item() == 0
    assert student.grad.abs().max() == 0


@each_loss
def test_one_byte_labels_are_read_as_numbers(loss):
    student, teacher = logits(2, 5, 2, 2), logits(2, 5, 2, 2, seed=1)
    target = torch.tensor([[[0, 255], [255, 4]], [[1, 2], [3, 255]]])
    torch.testing.assert_close(
        loss(student, teacher, target=target.to(torch.uint8)), loss(student, teacher, target=target)
    )


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


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.zeros(2, 4, 4), "expected integer labels as target"),
        (torch.zeros(2, 4).long(), r"2 spatial axes but found \(2, 4\)"),
        (torch.zeros(1, 4, 4).long(), "batch of 2 but found 1"),
    ],
)
@each_loss
def test_a_target_that_does_not_fit_is_refused(loss, target, message):
    with pytest.raises(ValueError, match=message):
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), target=target)


def test_the_module_is_the_function():
    student, teacher = logits(1, 3, 2, 2), logits(1, 3, 2, 2, seed=1)
    target = torch.tensor([[[0, 7], [7, 1]]])
    module = KDLoss(temperature=2.0, ignore_index=7)
    assert module(student, teacher, target) == kd_loss(student, teacher, 2.0, target, ignore_index=7)
    assert not list(module.parameters())


@each_loss
def test_class_scores_are_never_adapted(loss):
    assert loss.adapter is None


def test_lskd_is_kd_of_scores_with_mean_0_and_deviation_1():
    student, teacher = logits(6, 7), logits(6, 7, seed=1)
    standardised = [(x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True) for x in (student, teacher)]
    torch.testing.assert_close(lskd_loss(student, teacher, 3.0, eps=0.0), kd_loss(*standardised, temperature=3.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("score", [0.5, 0.1])  # the mean of four 0.1 is none of them
def test_lskd_of_equal_scores_has_a_moderate_gradient(dtype, score):
    student = torch.full((2, 4), score, dtype=dtype, requires_grad=True)
    teacher = torch.tensor([[3.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]], dtype=dtype)
    loss = lskd_loss(student, teacher)
    loss.backward()
    # z = (1.5, -0.5, -0.5, -0.5) for a deviation of 1, halved by T = 2; the student's probabilities are 1/4.
    p = F.softmax(torch.tensor([0.75, -0.25, -0.25, -0.25]), 0)
    expected = 4 * (p * (p.log() - math.log(0.25))).sum() / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert student.grad.abs().max() < 1


@pytest.mark.parametrize("score", [0.1, 0.3, 7.7, -123.4])
@pytest.mark.parametrize("classes", [3, 10, 19, 100, 1000])
def test_lskd_takes_scores_for_equal_that_differ_from_their_mean_by_rounding(score, classes):
    student = torch.full((4, classes), score, requires_grad=True)
    lskd_loss(student, logits(4, classes, dtype=torch.float32)).backward()
    assert student.grad.abs().max() < 1


def test_lskd_of_nearly_equal_scores_is_that_of_their_differences():
    small = 0.1 + 1e-5 * logits(4, 10)
    teacher = logits(4, 10, seed=1)
    found, expected = lskd_loss(small.float(), teacher.float()), lskd_loss(small, teacher, eps=0.0)
    assert found.item() == pytest.approx(expected.item(), rel=0.02)


@pytest.mark.parametrize("loss", [kd_loss, wsld_loss, dkd_loss, nkd_loss])
def test_a_class_that_both_mask_is_as_if_it_were_not_there(loss):
    student, teacher, labels = logits(4, 5), logits(4, 5, seed=1), torch.tensor([0, 1, 2, 3])
    given = {} if loss is kd_loss else {"target": labels}
    fewer = student[:, :4].clone().requires_grad_()
    expected = loss(fewer, teacher[:, :4], **given)
    expected.backward()
    student[:, 4] = teacher[:, 4] = -math.inf
    student.requires_grad_()
    found = loss(student, teacher, **given)
    found.backward()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(student.grad, F.pad(fewer.grad, (0, 1)))


def test_kd_of_a_class_that_the_teacher_alone_masks_has_a_finite_gradient():
    student, teacher = logits(4, 5).requires_grad_(), logits(4, 5, seed=1)
    teacher[:, 4] = -math.inf
    value = kd_loss(student, teacher)
    value.backward()
    low = teacher.masked_fill(teacher == -math.inf, -1e4)
    torch.testing.assert_close(value, kd_loss(student, low))
    assert student.grad.isfinite().all()


def test_wsld_by_hand():
    # The student's error is log 4, the teacher's log 2: the weight is 1 - exp(-2).
    student = torch.tensor([[1.0, 3.0]], dtype=torch.float64).log()
    teacher = torch.zeros(1, 2, dtype=torch.float64)
    soft = -0.5 * (math.log(0.25) + math.log(0.75))
    expected = (1 - math.exp(-2)) * soft
    assert wsld_loss(student, teacher, torch.tensor([0]), temperature=1.0).item() == pytest.approx(expected, rel=1e-6)


def test_wsld_learns_nothing_where_the_student_is_right_already():
    student = torch.tensor([[60.0, 0.0]], dtype=torch.float64, requires_grad=True)
    wsld_loss(student, torch.zeros(1, 2, dtype=torch.float64), torch.tensor([0])).backward()
    assert student.grad.abs().max() < 1e-20


def test_the_weights_of_wsld_are_held_constant():
    student, teacher = logits(1, 4).requires_grad_(), logits(1, 4, seed=1)
    target = torch.tensor([2])
    errors = [F.cross_entropy(x.detach(), target) for x in (student, teacher)]
    weight = 1 - torch.exp(-errors[0] / errors[1])
    wsld_loss(student, teacher, target, temperature=2.0).backward()
    expected = weight * 2 * (F.softmax(student / 2, 1) - F.softmax(teacher / 2, 1))
    torch.testing.assert_close(student.grad, expected.detach(), rtol=1e-6, atol=0)
