"""Adversarial terms with their critics."""

import pytest
import torch
from catalogue.base import random

from common.losses import FeatureDiscriminator, FeatureGANLoss, LogitGANLoss, wgan_generator_loss


def feature_gan(**options):
    torch.manual_seed(0)
    return FeatureGANLoss(3, 1, **{"width": 4, "clip": 0.0, **options}).double()


MAPS = random(2, 3, 4, 4), random(2, 3, 4, 4, seed=1)


def test_the_students_term_is_of_its_own_maps_and_teaches_no_critic():
    loss, student = feature_gan(), MAPS[0].clone().requires_grad_()
    value = loss(student, MAPS[1])
    torch.testing.assert_close(value, wgan_generator_loss(loss.critic(MAPS[0])))
    value.backward()
    assert student.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in loss.critic.parameters())


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("wgan", lambda real, fake: (fake - real).mean()),
        ("hinge", lambda real, fake: ((1 - real).relu() + (1 + fake).relu()).mean()),
    ],
)
def test_the_critics_loss_is_of_both_and_teaches_it_alone(objective, expected):
    loss, student = feature_gan(objective=objective), MAPS[0].clone().requires_grad_()
    value = loss.critic_loss(student, MAPS[1])
    torch.testing.assert_close(value, expected(loss.critic(MAPS[1]), loss.critic(MAPS[0])))
    value.backward()
    assert student.grad is None
    assert loss.critic.score.weight.grad.abs().max() > 0


def test_steps_of_the_critic_tell_the_two_apart_within_the_limit():
    loss = feature_gan(clip=0.03)
    assert max(parameter.abs().max() for parameter in loss.critic.parameters()) <= 0.03
    optimizer = torch.optim.Adam(loss.critic.parameters(), lr=5e-3)
    before = loss.critic_loss(*MAPS).item()
    for _ in range(20):
        optimizer.zero_grad()
        loss.critic_loss(*MAPS).backward()
        optimizer.step()
        loss.after_critic_step()
    assert loss.critic_loss(*MAPS).item() < before
    assert max(parameter.abs().max() for parameter in loss.critic.parameters()) <= 0.03


def test_the_penalty_bounds_the_slope():
    loss = feature_gan(penalty=10.0)
    torch.manual_seed(1)
    with_penalty = loss.critic_loss(*MAPS)
    plain = loss.critic(MAPS[0]).mean() - loss.critic(MAPS[1]).mean()
    slope = 0.0
    torch.manual_seed(1)
    share = torch.rand(2, 1, 1, 1, dtype=torch.float64)
    for one in (share * MAPS[1] + (1 - share) * MAPS[0]).requires_grad_().split(1):
        (found,) = torch.autograd.grad(loss.critic(one).sum(), one)
        slope += (found.norm() - 1) ** 2 / 2
    torch.testing.assert_close(with_penalty, plain + 10 * slope)


@pytest.mark.parametrize(("side", "downsamplings"), [(32, 4), (16, 3), (8, 2), (4, 1), (2, 0), (1, 0), (38, 5)])
def test_critics_come_down_to_two_cells(side, downsamplings):
    loss = FeatureGANLoss(width=2)
    loss.build(student=torch.Size([1, 3, side, side]), teacher=torch.Size([1, 5, side, side]))
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in loss.critic.blocks) == downsamplings + 1
    assert isinstance(loss.critic, FeatureDiscriminator)
    assert loss.critic.channels == 5


def test_a_critic_of_class_scores_may_see_the_image():
    torch.manual_seed(0)
    loss = LogitGANLoss(3, image_channels=1, widths=(4, 4), attention=(2,)).double()
    student, teacher = random(2, 3, 16, 16), random(2, 3, 16, 16, seed=1)
    image = random(2, 1, 32, 32, seed=2)
    assert loss(student, teacher, image) != loss(student, teacher, -image)
    assert loss.critic_loss(student, teacher, image).isfinite()
    with pytest.raises(ValueError, match="expected an image with 1 channels but found none"):
        loss(student, teacher)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "gan"}, "expected objective to be one of .* 'gan'"),
        ({"clip": -1}, "expected clip and penalty of at least 0 but found -1"),
        ({"penalty": -1.0}, "expected clip and penalty of at least 0 but found 0.03 and -1"),
    ],
)
def test_what_is_unknown_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FeatureGANLoss(**options)


def test_maps_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="expected teacher map of shape"):
        feature_gan()(MAPS[0], MAPS[1][:, :, :2])


def test_a_critic_of_probabilities_sees_no_constant_of_the_scores():
    """A fused teacher has probabilities alone: what is added to all scores of a pixel must not tell the two apart."""
    torch.manual_seed(0)
    loss = LogitGANLoss(3, widths=(4, 4), attention=(), spectral_norm=False, space="probabilities").double()
    student, teacher, constant = torch.randn(3, 2, 3, 16, 16, dtype=torch.float64).unbind()
    shift = constant[:, :1]
    torch.testing.assert_close(loss(student + shift, teacher), loss(student, teacher))
    # The penalty draws a place between the two maps.
    found = []
    for maps in ((student, teacher), (student + shift, teacher.log_softmax(1))):
        torch.manual_seed(1)
        found.append(loss.critic_loss(*maps))
    torch.testing.assert_close(*found)


def test_an_unknown_space_is_refused():
    with pytest.raises(
        ValueError, match=r"expected space to be one of \('logits', 'probabilities'\) but found 'probs'"
    ):
        LogitGANLoss(3, space="probs")
