import math

import pytest
import torch
import torch.nn.functional as F
from peak_memory import peak_bytes

from common.losses import dkd_loss, fdwa_dkd_loss, feature_distance_weights, kd_loss, nkd_loss, pixel_dkd_loss


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def log(*probabilities: float) -> torch.Tensor:
    return torch.tensor([probabilities], dtype=torch.float64).log()


def test_dkd_by_hand():
    student, teacher = log(0.2, 0.4, 0.4), log(0.5, 0.1, 0.4)
    of_target = 0.5 * math.log(0.5 / 0.2) + 0.5 * math.log(0.5 / 0.8)
    of_others = 0.2 * math.log(0.2 / 0.5) + 0.8 * math.log(0.8 / 0.5)
    loss = dkd_loss(student, teacher, torch.tensor([0]), alpha=2.0, beta=3.0, temperature=1.0)
    assert loss.item() == pytest.approx(2 * of_target + 3 * of_others, rel=1e-12)


def test_kd_is_the_target_term_and_the_share_of_the_rest_of_the_other_term():
    student, teacher, target = random(1, 7), random(1, 7, seed=1), torch.tensor([3])
    rest = 1 - F.softmax(teacher / 2, 1)[0, 3].item()
    expected = kd_loss(student, teacher, temperature=2.0)
    torch.testing.assert_close(dkd_loss(student, teacher, target, alpha=1.0, beta=rest, temperature=2.0), expected)


def test_the_other_term_does_not_see_the_score_of_the_label():
    student, teacher, target = random(4, 5), random(4, 5, seed=1), torch.tensor([0, 1, 2, 3])
    moved = student + 5 * F.one_hot(target, 5)
    torch.testing.assert_close(
        dkd_loss(moved, teacher, target, alpha=0.0), dkd_loss(student, teacher, target, alpha=0.0)
    )


def test_of_two_classes_the_target_term_is_kd_and_the_other_0():
    student, teacher, target = random(4, 2), random(4, 2, seed=1), torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(dkd_loss(student, teacher, target), kd_loss(student, teacher))


@pytest.mark.parametrize("label", [0, 1])
def test_dkd_at_a_gap_of_120_in_float32_by_hand(label):
    # Scores (120, 0, 0) against none: the label's probability is 1 or e^-120, which underflows.
    student = torch.tensor([[120.0, 0.0, 0.0]], requires_grad=True)
    loss = dkd_loss(student, torch.zeros(1, 3), torch.tensor([label]), alpha=1.0, beta=0.0, temperature=1.0)
    loss.backward()
    share = (1 / 3, 2 / 3)
    log_student = (0.0, math.log(2) - 120) if label == 0 else (-120.0, 0.0)
    expected = sum(t * (math.log(t) - s) for t, s in zip(share, log_student, strict=True))
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() > 0.1


def test_nkd_by_hand():
    student, teacher = log(0.2, 0.4, 0.4), log(0.5, 0.1, 0.4)
    loss = nkd_loss(student, teacher, torch.tensor([0]), gamma=2.0)
    assert loss.item() == pytest.approx(-0.5 * math.log(0.2) - 2 * math.log(0.5), rel=1e-12)


def test_the_target_term_of_nkd_has_no_temperature():
    student, teacher, target = random(4, 5), random(4, 5, seed=1), torch.tensor([0, 1, 2, 3])
    warm = nkd_loss(student, teacher, target, gamma=0.0, temperature=5.0)
    torch.testing.assert_close(warm, nkd_loss(student, teacher, target, gamma=0.0))


def test_the_other_term_of_nkd_has_the_gradient_of_dkds():
    student, teacher, target = random(4, 5).requires_grad_(), random(4, 5, seed=1), torch.tensor([0, 1, 2, 3])
    of_others = nkd_loss(student, teacher, target, 3.0, 2.0) - nkd_loss(student, teacher, target, 0.0, 2.0)
    decoupled = dkd_loss(student, teacher, target, alpha=0.0, beta=3.0, temperature=2.0)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (of_others, decoupled)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 2, 2)])
def test_of_soft_labels_the_likeliest_class_counts_in_nkd(shape):
    student, teacher = random(*shape), random(*shape, seed=1)
    soft = F.softmax(random(*shape, seed=2), dim=1)
    torch.testing.assert_close(nkd_loss(student, teacher, soft), nkd_loss(student, teacher, soft.argmax(1)))


def pixels():
    return random(2, 4, 3, 3), random(2, 4, 3, 3, seed=1), torch.arange(18).reshape(2, 3, 3) % 4


def test_pixel_dkd_without_weights_is_dkd():
    torch.testing.assert_close(pixel_dkd_loss(*pixels()), dkd_loss(*pixels()))


def test_a_weight_of_an_image_is_that_of_its_pixels():
    weight = torch.tensor([0.5, 2.0], dtype=torch.float64)
    of_pixels = weight[:, None, None].expand(2, 3, 3)
    torch.testing.assert_close(pixel_dkd_loss(*pixels(), weight), pixel_dkd_loss(*pixels(), of_pixels))


def test_weights_weigh_the_target_term_alone():
    doubled = torch.full((2,), 2.0, dtype=torch.float64)
    torch.testing.assert_close(pixel_dkd_loss(*pixels(), doubled), dkd_loss(*pixels(), alpha=2.0))


def test_weights_weigh_both_terms_where_asked():
    doubled = torch.full((2,), 2.0, dtype=torch.float64)
    torch.testing.assert_close(pixel_dkd_loss(*pixels(), doubled, weighted="both"), 2 * dkd_loss(*pixels()))


def test_the_weight_of_an_ignored_pixel_does_not_count():
    student, teacher, target = pixels()
    target[:, 0] = 255
    weight = random(2, 3, 3, seed=2).square()
    more = weight.clone()
    more[:, 0] += 100
    torch.testing.assert_close(
        pixel_dkd_loss(student, teacher, target, more), pixel_dkd_loss(student, teacher, target, weight)
    )


def test_no_gradient_flows_through_the_weights():
    weight = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert not pixel_dkd_loss(*pixels(), weight).requires_grad


@pytest.mark.parametrize("classes", [6, 19])
def test_pixel_dkd_holds_a_few_maps_of_logits_at_once(classes):
    student, teacher = random(1, classes, 32, 32).requires_grad_(), random(1, classes, 32, 32, seed=1)
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    peak = peak_bytes(lambda: pixel_dkd_loss(student, teacher, target).backward())
    assert peak < 14 * student.nbytes


def features():
    """Of the first image one position, of the second none, is off by (3, 4) in two channels."""
    teacher = torch.ones(2, 2, 2, 2, dtype=torch.float64)
    student = teacher.clone()
    student[0, :, 0, 0] += torch.tensor([3.0, 4.0])
    return student, teacher


def test_distance_of_an_image_is_the_root_of_the_mean_square():
    found = feature_distance_weights(*features(), normalize=False)
    assert found.tolist() == pytest.approx([math.sqrt(25 / 8), 0.0])


def test_distance_of_each_position():
    found = feature_distance_weights(*features(), level="position", normalize=False)
    expected = torch.zeros(2, 2, 2, dtype=torch.float64)
    expected[0, 0, 0] = math.sqrt(25 / 2)
    torch.testing.assert_close(found, expected)


def test_cosine_distance_does_not_see_the_length_of_a_vector():
    student, teacher = features()
    cosine = (4 + 5) / (math.sqrt(2) * math.hypot(4, 5))
    for scale in (1, 10):
        found = feature_distance_weights(scale * student, teacher, distance="cosine", normalize=False)
        assert found.tolist() == pytest.approx([(1 - cosine) / 4, 0.0], abs=1e-12)


def test_weights_have_a_mean_of_1_and_no_gradient():
    student, teacher = random(3, 4, 2, 2).requires_grad_(), random(3, 4, 2, 2, seed=1)
    weight = feature_distance_weights(student, teacher)
    assert weight.mean().item() == pytest.approx(1.0)
    assert not weight.requires_grad


def test_equal_features_weigh_1():
    same = random(3, 4, 2, 2)
    assert feature_distance_weights(same, same).tolist() == [1.0, 1.0, 1.0]


def test_weights_of_positions_are_brought_to_the_grid_of_the_logits():
    weight = feature_distance_weights(*features(), level="position", size=(6, 4))
    assert weight.shape == (2, 6, 4)
    assert (weight >= 0).all()


def test_squares_of_half_features_do_not_overflow():
    student = torch.full((1, 4, 2, 2), 1000.0, dtype=torch.float16)
    found = feature_distance_weights(student, torch.zeros_like(student), normalize=False)
    assert found.item() == pytest.approx(1000.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "pixel"}, "level to be one of .* but found 'pixel'"),
        ({"distance": "l1"}, "distance to be one of .* but found 'l1'"),
    ],
)
def test_unknown_words_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        feature_distance_weights(*features(), **options)


def test_features_of_other_widths_are_refused():
    student, teacher = features()
    with pytest.raises(ValueError, match=r"\(2, 2, 2, 2\) but found \(2, 1, 2, 2\)"):
        feature_distance_weights(student, teacher[:, :1])


@pytest.mark.parametrize("level", ["image", "position"])
def test_fdwa_dkd_weighs_pixel_dkd_by_the_distance_of_the_features(level):
    (student, teacher, target), features = pixels(), [random(2, 4, 6, 6, seed=2), random(2, 4, 6, 6, seed=3)]
    features[0][0] *= 3
    weights = feature_distance_weights(*features, level, size=(3, 3))
    expected = pixel_dkd_loss(student, teacher, target, weights, beta=2.0)
    found = fdwa_dkd_loss(student, teacher, *features, target, beta=2.0, level=level)
    torch.testing.assert_close(found, expected)
    assert found != pixel_dkd_loss(student, teacher, target, beta=2.0)
