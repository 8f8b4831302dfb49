import numpy as np
import pytest
import torch
import torch.nn.functional as F

from common.losses import dist_loss


def logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_dist_agrees_with_numpy_correlations():
    student, teacher = logits(6, 4), logits(6, 4, seed=1)
    q, p = (F.softmax(x / 2, 1).numpy() for x in (student, teacher))
    of_classes = np.mean([1 - np.corrcoef(q[n], p[n])[0, 1] for n in range(6)])
    of_samples = np.mean([1 - np.corrcoef(q[:, c], p[:, c])[0, 1] for c in range(4)])
    expected = 4 * (0.5 * of_classes + 3 * of_samples)
    assert dist_loss(student, teacher, 0.5, 3.0, 2.0, eps=0.0).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 0.9])
def test_dist_is_0_where_the_probabilities_are_an_increasing_affine_function_of_the_teachers(scale):
    teacher = logits(6, 4)
    student = (scale * F.softmax(teacher, 1) + (1 - scale) / 4).log()
    assert dist_loss(student, teacher).item() == pytest.approx(0.0, abs=1e-5)


def test_dist_of_opposite_scores_is_the_largest():
    student = torch.tensor([[0.0, 3.0], [3.0, 0.0]], dtype=torch.float64)
    loss = dist_loss(student, student.flip(1), beta=2.0, gamma=3.0, temperature=4.0)
    assert loss.item() == pytest.approx(2 * (2 + 3) * 16, rel=1e-6)


def test_one_sample_has_nothing_to_vary_over():
    student, teacher = logits(1, 4).requires_grad_(), logits(1, 4, seed=1)
    of_samples = dist_loss(student, teacher, beta=0.0, gamma=2.0, temperature=3.0)
    of_samples.backward()
    assert of_samples.item() == 2 * 9
    assert student.grad.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("score", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(8, 10), (2, 19, 16, 16)])
def test_equal_probabilities_correlate_with_nothing_and_have_no_gradient(dtype, score, shape):
    student = torch.full(shape, score, dtype=dtype, requires_grad=True)
    loss = dist_loss(student, 3 * logits(*shape).to(dtype))
    loss.backward()
    assert loss.item() == 2.0
    assert not student.grad.any()


def test_a_sample_of_equal_scores_leaves_the_gradient_of_the_others():
    student, teacher = logits(4, 5), logits(4, 5, seed=1)
    student[0] = 0.1
    student.requires_grad_()
    dist_loss(student, teacher, gamma=0.0).backward()
    others = student.detach()[1:].requires_grad_()
    (3 / 4 * dist_loss(others, teacher[1:], gamma=0.0)).backward()
    torch.testing.assert_close(student.grad, torch.cat([torch.zeros(1, 5, dtype=torch.float64), others.grad]))


def test_equal_probabilities_are_those_of_the_valid_positions():
    student, teacher = logits(1, 3, 1, 6), logits(1, 3, 1, 6, seed=1)
    target = torch.tensor([[[0, 0, 0, 0, 255, 255]]])
    student[..., :4] = student[..., :1].clone()  # a class does not vary over what counts
    student.requires_grad_()
    loss = dist_loss(student, teacher, beta=0.0, target=target)
    loss.backward()
    assert loss.item() == 1.0
    assert not student.grad.any()


def test_the_default_eps_keeps_equal_scores_from_0_by_little():
    student = logits(6, 4).requires_grad_()
    loss = dist_loss(student, student.detach())
    loss.backward()
    assert 0 < loss.item() < 1e-5
    assert student.grad.abs().max() < 1e-5


def test_probabilities_of_each_class_by_itself():
    student, teacher = logits(6, 4), logits(6, 4, seed=1)
    q, p = (x.sigmoid().numpy() for x in (student, teacher))
    expected = np.mean([1 - np.corrcoef(q[n], p[n])[0, 1] for n in range(6)])
    found = dist_loss(student, teacher, gamma=0.0, eps=0.0, probabilities="sigmoid")
    assert found.item() == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"expected probabilities to be one of .* 'tanh'"):
        dist_loss(student, teacher, probabilities="tanh")
