"""Relations between the samples of a batch: distances, angles and similarities."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from torch.utils._python_dispatch import TorchDispatchMode

from common.losses import rkd_angle_loss, rkd_distance_loss, sp_loss

RKD = [rkd_distance_loss, rkd_angle_loss]


def points(count, width, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def value_and_gradient(loss, student, teacher, **options):
    student = student.clone().requires_grad_()
    value = loss(student, teacher, **options)
    value.backward()
    return value.detach(), student.grad


def huber(difference):
    size = np.abs(difference)
    return np.where(size < 1, size**2 / 2, size - 0.5)


def test_distances_are_compared_relative_to_their_mean():
    student, teacher = points(6, 3), points(6, 5, seed=1)
    relative = [cdist(each, each) for each in (student, teacher)]
    relative = [each / each[~np.eye(6, dtype=bool)].mean() for each in relative]
    expected = huber(relative[0] - relative[1]).mean()
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(expected, rel=1e-9)


def test_angles_are_those_at_each_vertex_of_all_triangles():
    student, teacher = points(5, 3), points(5, 4, seed=1)

    def cosine(x, i, j, k):
        edges = (x[j] - x[i]).numpy(), (x[k] - x[i]).numpy()
        lengths = [np.linalg.norm(edge) for edge in edges]
        return edges[0] @ edges[1] / np.prod(lengths) if all(lengths) else 0.0

    triplets = itertools.product(range(5), repeat=3)
    expected = sum(huber(cosine(student, *t) - cosine(teacher, *t)) for t in triplets) / 5**3
    assert rkd_angle_loss(student, teacher).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("chunk_size", [1, 2, 6, 7, 100])
def test_angles_in_chunks_equal_angles_at_once(chunk_size):
    pair = points(7, 3), points(7, 4, seed=1)
    value, gradient = value_and_gradient(rkd_angle_loss, *pair, chunk_size=chunk_size)
    expected, expected_gradient = value_and_gradient(rkd_angle_loss, *pair, chunk_size=7)
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-10, atol=1e-14)


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        made = result if isinstance(result, (tuple, list)) else [result]
        self.elements = max([self.elements, *(each.numel() for each in made if isinstance(each, torch.Tensor))])
        return result


@pytest.mark.parametrize("width", [3, 20])
def test_angles_take_as_many_vertices_at_a_time_as_the_memory_allows(monkeypatch, width):
    monkeypatch.setattr("common.losses.chunks.CHUNK_ELEMENTS", 800)
    with Largest() as largest:
        value_and_gradient(rkd_angle_loss, points(12, width), points(12, 5, seed=1))
    # a vertex takes 12 * max(12, width) elements: 5 or 3 of them fit
    assert largest.elements == {3: 5 * 12 * 12, 20: 3 * 12 * 20}[width]


def test_angles_in_chunks_compile_in_one_graph():
    torch._dynamo.reset()
    compiled = torch.compile(rkd_angle_loss, backend="aot_eager", fullgraph=True)
    pair = points(5, 3), points(5, 4, seed=1)
    found = value_and_gradient(compiled, *pair, chunk_size=2)
    expected = value_and_gradient(rkd_angle_loss, *pair, chunk_size=2)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("loss", RKD)
@pytest.mark.parametrize("l2_normalize", [False, True])
def test_gradients_by_finite_differences_with_more_than_two_samples(loss, l2_normalize):
    student, teacher = points(5, 3).requires_grad_(), points(5, 4, seed=1)
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher, l2_normalize=l2_normalize), student)


def test_gradients_of_chunks_by_finite_differences():
    student, teacher = points(5, 3).requires_grad_(), points(5, 4, seed=1)
    assert torch.autograd.gradcheck(lambda s: rkd_angle_loss(s, teacher, chunk_size=2), student)


@pytest.mark.parametrize("loss", RKD)
def test_normalising_leaves_only_the_directions_of_the_embeddings(loss):
    student, teacher = points(5, 3), points(5, 4, seed=1)
    lengths = torch.arange(1.0, 6.0, dtype=torch.float64)[:, None]
    expected = loss(F.normalize(student), F.normalize(teacher))
    torch.testing.assert_close(loss(student * lengths, teacher, l2_normalize=True), expected)
    assert loss(student * lengths, teacher).item() != pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize("loss", RKD)
def test_two_samples_have_no_relation_to_match(loss):
    value, gradient = value_and_gradient(loss, points(2, 3), points(2, 4, seed=1))
    assert value.item() == pytest.approx(0, abs=1e-15)
    assert gradient.abs().max() < 1e-15


@pytest.mark.parametrize("loss", RKD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("same", [2, 4], ids=["two-coincide", "all-coincide"])
def test_samples_that_coincide_give_gradients_of_ordinary_size(loss, dtype, same):
    student, teacher = points(4, 3).to(dtype), points(4, 3, seed=1).to(dtype)
    student[:same] = student[0].clone()
    value, gradient = value_and_gradient(loss, student, teacher)
    assert value.isfinite()
    assert gradient.abs().max() < 10


def test_samples_that_coincide_count_with_a_distance_of_1e_6():
    student, teacher = torch.tensor([[0.0], [0.0], [2.0]]).double(), torch.tensor([[0.0], [1.0], [2.0]]).double()
    mean = (1e-6 + 2 + 2) / 3
    pairs = np.array([1e-6 / mean - 3 / 4, 2 / mean - 6 / 4, 2 / mean - 3 / 4])  # of the teacher 1, 2, 1 over 4/3
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(2 * huber(pairs).sum() / 9, rel=1e-9)


def test_distances_far_from_the_origin_survive_float32():
    student, teacher = (points(8, 4) + 3000).float(), points(8, 4, seed=1).float()
    expected = rkd_distance_loss(student.double(), teacher.double())
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("loss", [*RKD, sp_loss])
def test_everything_behind_the_batch_is_one_vector(loss):
    student, teacher = points(4, 12), points(4, 6, seed=1)
    torch.testing.assert_close(loss(student.view(4, 2, 3, 2), teacher.view(4, 3, 2)), loss(student, teacher))


def test_similarities_of_one_sample_agree_whatever_it_is():
    value, gradient = value_and_gradient(sp_loss, points(1, 3), points(1, 4, seed=1))
    assert value.item() == pytest.approx(0, abs=1e-15)
    assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize("empty", [1, 3])
@pytest.mark.parametrize(
    ("loss", "options"),
    [(sp_loss, {}), (rkd_distance_loss, {"l2_normalize": True}), (rkd_angle_loss, {"l2_normalize": True})],
)
def test_empty_samples_have_a_gradient_of_ordinary_size(loss, options, empty):
    student = points(3, 4).float()
    student[:empty] = 0
    value, gradient = value_and_gradient(loss, student, points(3, 4, seed=1).float(), **options)
    assert value.isfinite()
    assert gradient.abs().max() < 1
