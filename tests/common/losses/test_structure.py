import math

import pytest
import torch
import torch.nn.functional as F
from catalogue.base import labels, random
from peak_memory import peak_bytes

from common.losses import ifvd_loss, skd_pairwise_loss


def value_and_gradient(loss, student, *args, **options):
    student = student.detach().requires_grad_()
    value = loss(student, *args, **options)
    value.backward()
    return value.detach(), student.grad


def affinities(features):
    """Cosines between all positions ``(B, N, N)``."""
    flat = features.flatten(2)
    return F.cosine_similarity(flat[:, :, :, None], flat[:, :, None, :], dim=1)


def test_pairwise_is_the_mean_squared_difference_of_cosines():
    student, teacher = random(2, 3, 4, 5), random(2, 6, 4, 5, seed=1)
    expected = F.mse_loss(affinities(student), affinities(teacher))
    torch.testing.assert_close(skd_pairwise_loss(student, teacher, kernel=1), expected, rtol=1e-7, atol=0)


def test_cells_hold_their_largest_number_of_each_channel():
    student, teacher = random(1, 3, 4, 6), random(1, 2, 4, 6, seed=1)
    halves = [F.adaptive_max_pool2d(each, 2) for each in (student, teacher)]
    torch.testing.assert_close(skd_pairwise_loss(student, teacher), skd_pairwise_loss(*halves, kernel=1))


def test_a_rest_at_the_border_makes_a_cell_of_its_own():
    student, teacher = random(1, 3, 1, 9), random(1, 3, 1, 9, seed=1)
    cells = [torch.stack([m[..., :4].amax(3), m[..., 4:8].amax(3), m[..., 8]], 3) for m in (student, teacher)]
    torch.testing.assert_close(skd_pairwise_loss(student, teacher), skd_pairwise_loss(*cells, kernel=1))


def test_maps_of_other_grids_are_compared_by_their_cells():
    student, teacher = random(1, 2, 2, 4), random(1, 3, 2, 4, seed=1)
    enlarged = teacher.repeat_interleave(3, 2).repeat_interleave(3, 3)
    torch.testing.assert_close(skd_pairwise_loss(student, enlarged), skd_pairwise_loss(student, teacher))


def test_pairwise_gradient_by_finite_differences_where_the_norms_are_differentiated():
    student, teacher = random(2, 3, 2, 4).requires_grad_(), random(2, 2, 2, 4, seed=1)
    assert torch.autograd.gradcheck(lambda s: skd_pairwise_loss(s, teacher, kernel=1, detach_norm=False), (student,))


def test_the_default_gradient_holds_the_norms_constant():
    student, teacher = random(1, 2, 1, 2), random(1, 2, 1, 2, seed=1)
    norms = student.norm(dim=1, keepdim=True)

    def with_given_norms(s):
        unit = (s / norms).flatten(2)
        return (unit.mT @ unit - affinities(teacher)).square().mean()

    _, expected = value_and_gradient(with_given_norms, student)
    _, found = value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("detach_norm", [True, False])
@pytest.mark.parametrize("chunk_size", [1, 5, 20, 100])
def test_pairwise_in_chunks_equals_the_whole(chunk_size, detach_norm):
    student, teacher = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1)
    options = {"kernel": 1, "detach_norm": detach_norm}
    whole = value_and_gradient(skd_pairwise_loss, student, teacher, **options)
    chunked = value_and_gradient(skd_pairwise_loss, student, teacher, chunk_size=chunk_size, **options)
    torch.testing.assert_close(chunked, whole, rtol=1e-12, atol=1e-14)


def test_pairwise_memory_of_both_passes_is_linear_in_the_chunk():
    student, teacher = random(1, 2, 24, 24), random(1, 2, 24, 24, seed=1)
    value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1, chunk_size=8)  # allocates buffers that stay

    def peak(chunk_size):
        return peak_bytes(
            lambda: value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1, chunk_size=chunk_size)
        )

    row = 8 * 24**2
    small, medium, large, whole = (peak(chunk) for chunk in (24, 48, 96, 24**2))
    assert large - medium == pytest.approx(2 * (medium - small), rel=0.1)
    assert medium - small < 24 * 6 * row
    assert large < whole / 4


def test_pairwise_in_chunks_compiles():
    torch._dynamo.reset()
    student, teacher = random(2, 3, 4, 5), random(2, 4, 4, 5, seed=1)
    compiled = torch.compile(skd_pairwise_loss, backend="aot_eager", fullgraph=True)
    eager = value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1, chunk_size=7)
    found = value_and_gradient(compiled, student, teacher, kernel=1, chunk_size=7)
    torch.testing.assert_close(found, eager)


def test_chunks_are_chosen_by_the_numbers_of_a_row(monkeypatch):
    monkeypatch.setattr("common.losses.chunks.CHUNK_ELEMENTS", 100)
    student, teacher = random(1, 2, 5, 5), random(1, 2, 5, 5, seed=1)
    chosen = value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1)
    torch.testing.assert_close(chosen, value_and_gradient(skd_pairwise_loss, student, teacher, kernel=1, chunk_size=4))


@pytest.mark.parametrize("loss", [lambda s, t: skd_pairwise_loss(s, t, kernel=1), lambda s, t: ifvd_loss(s, t, ONES)])
def test_positions_without_any_feature_get_no_huge_gradient(loss):
    student = random(1, 3, 2, 2)
    student[:, :, 0, 0] = 0
    _, gradient = value_and_gradient(loss, student, random(1, 3, 2, 2, seed=1))
    assert gradient[:, :, 0, 0].abs().max() < 1
    assert gradient.abs().max() > 0


ONES = torch.ones(1, 2, 2, dtype=torch.long)


def test_variation_is_the_cosine_to_the_mean_of_the_class_in_the_image():
    student, teacher = random(2, 3, 2, 3), random(2, 4, 2, 3, seed=1)
    target = labels(2, 2, 3, classes=2, seed=2)

    def variation(features):
        found = torch.empty(2, 2, 3, dtype=torch.float64)
        for b, y, x in torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(3)).tolist():
            mean = features[b][:, target[b] == target[b, y, x]].mean(dim=1)
            found[b, y, x] = F.cosine_similarity(features[b, :, y, x], mean, dim=0)
        return found

    expected = F.mse_loss(variation(student), variation(teacher))
    torch.testing.assert_close(ifvd_loss(student, teacher, target), expected)


def test_two_features_at_a_right_angle_have_a_cosine_of_45_degrees():
    student = torch.eye(2, dtype=torch.float64).view(1, 2, 1, 2)
    loss = ifvd_loss(student, torch.ones(1, 1, 1, 2).double(), torch.zeros(1, 1, 2, dtype=torch.long))
    assert loss.item() == pytest.approx((1 - math.sqrt(0.5)) ** 2, rel=1e-12)


def test_ignored_positions_count_in_the_mean_with_no_difference():
    student, teacher = random(1, 3, 2, 4), random(1, 3, 2, 4, seed=1)
    target = torch.zeros(1, 2, 4, dtype=torch.long)
    target[:, 1] = 255
    upper = ifvd_loss(student[:, :, :1], teacher[:, :, :1], target[:, :1])
    torch.testing.assert_close(ifvd_loss(student, teacher, target), upper / 2)


def test_another_label_may_be_ignored():
    student, teacher, target = random(1, 3, 2, 4), random(1, 3, 2, 4, seed=1), labels(1, 2, 4, classes=3)
    marked = torch.where(target == 2, 255, target)
    torch.testing.assert_close(ifvd_loss(student, teacher, target, ignore_index=2), ifvd_loss(student, teacher, marked))


def test_an_all_void_target_gives_zero_and_zero_gradient():
    value, gradient = value_and_gradient(ifvd_loss, random(1, 3, 2, 2), random(1, 3, 2, 2, seed=1), ONES * 255)
    assert value.item() == 0
    assert gradient.abs().max() == 0


@pytest.mark.parametrize("size", [(4, 6), (8, 12), (5, 9), (2, 3)])
def test_labels_are_read_at_the_upper_left_of_a_cell(size):
    student, teacher = random(1, 3, 4, 6), random(1, 3, 4, 6, seed=1)
    target = labels(1, *size, classes=3)
    rows, columns = (torch.arange(n) * size[axis] // n for axis, n in enumerate((4, 6)))
    expected = ifvd_loss(student, teacher, target[:, rows][:, :, columns])
    torch.testing.assert_close(ifvd_loss(student, teacher, target), expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_of_few_bits_may_hold_their_largest_number(dtype):
    student, teacher = random(1, 3, 2, 2), random(1, 3, 2, 2, seed=1)
    target = torch.tensor([[[0, 254], [255, 254]]])
    assert ifvd_loss(student, teacher, target.to(dtype)) == ifvd_loss(student, teacher, target)


def test_the_number_of_classes_does_not_matter():
    student, teacher, target = random(2, 3, 2, 4), random(2, 3, 2, 4, seed=1), labels(2, 4, 8, classes=3)
    losses = [ifvd_loss(student, teacher, target, num_classes=classes) for classes in (3, 19, 1000)]
    assert losses[0] == losses[1] == losses[2]


def test_features_of_any_width_are_taken_as_they_are():
    assert skd_pairwise_loss.adapter is ifvd_loss.adapter is None
    assert not skd_pairwise_loss.resize
    assert ifvd_loss.resize
