import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from common.losses import (
    FeatureDiscriminator,
    LogitDiscriminator,
    clip_weights,
    gradient_penalty,
    hinge_discriminator_loss,
    hinge_generator_loss,
    lsgan_discriminator_loss,
    lsgan_generator_loss,
    wgan_discriminator_loss,
    wgan_generator_loss,
)


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear_critic(*weights: float) -> nn.Linear:
    critic = nn.Linear(len(weights), 1, bias=False).double()
    critic.weight.data = torch.tensor([weights], dtype=torch.float64)
    return critic


def small_logit_critic(**options) -> LogitDiscriminator:
    return LogitDiscriminator(3, **{"widths": (4, 8), "attention": (), **options}).double()


def test_wasserstein_terms_by_hand():
    real, fake = torch.tensor([1.0, 4.0]), torch.tensor([[-2.0], [0.0], [5.0]])
    assert wgan_discriminator_loss(real, fake).item() == pytest.approx(1.0 - 2.5)
    assert wgan_generator_loss(fake).item() == pytest.approx(-1.0)


def test_hinge_terms_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0])
    assert hinge_discriminator_loss(real, fake).item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 1) / 2)
    assert hinge_generator_loss(fake).item() == pytest.approx(1.5)


def test_hinge_leaves_scores_beyond_the_margin_alone():
    real, fake = torch.tensor([1.5, 3.0], requires_grad=True), torch.tensor([-1.5], requires_grad=True)
    hinge_discriminator_loss(real, fake).backward()
    assert not real.grad.any()
    assert not fake.grad.any()


def test_least_squares_terms_are_half_of_the_mean_squared_errors():
    real, fake = maps(4, 1), maps(4, 1, seed=1)
    expected = (F.mse_loss(real, torch.ones_like(real)) + F.mse_loss(fake, torch.zeros_like(fake))) / 2
    torch.testing.assert_close(lsgan_discriminator_loss(real, fake), expected)
    torch.testing.assert_close(lsgan_generator_loss(fake), F.mse_loss(fake, torch.ones_like(fake)) / 2)


@pytest.mark.parametrize("loss", [wgan_discriminator_loss, hinge_discriminator_loss, lsgan_discriminator_loss])
def test_an_empty_set_of_either_scores_is_refused(loss):
    with pytest.raises(ValueError, match=r"expected real scores .* no empty axis"):
        loss(torch.zeros(0, 1), torch.zeros(2, 1))
    with pytest.raises(ValueError, match=r"expected fake scores .* no empty axis"):
        loss(torch.zeros(2, 1), torch.zeros(0, 1))


@pytest.mark.parametrize("target", [1.0, 0.0])
def test_the_penalty_of_a_linear_critic_is_that_of_its_weights_norm(target):
    critic = linear_critic(3.0, 4.0)
    penalty = gradient_penalty(critic, maps(6, 2), maps(6, 2, seed=1), target=target)
    assert penalty.item() == pytest.approx((5.0 - target) ** 2)
    penalty.backward()
    expected = 2 * (5.0 - target) * torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    torch.testing.assert_close(critic.weight.grad, expected)


def test_the_penalty_takes_the_mean_over_the_scores_of_a_sample():
    critic = linear_critic(3.0, 4.0)
    patches = gradient_penalty(lambda x: torch.cat([critic(x), -3 * critic(x)], 1), maps(6, 2), maps(6, 2, seed=1))
    assert patches.item() == pytest.approx((5.0 - 1.0) ** 2)  # the mean score is -1 times the critic's


def test_the_penalty_looks_between_teacher_and_student_at_one_place_a_sample():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.sum(dim=(1, 2))

    real, fake = torch.ones(50, 2, 3), torch.zeros(50, 2, 3)
    gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(0))
    shares = seen[0].flatten(1)
    assert (shares == shares[:, :1]).all()
    assert shares.unique().numel() == 50
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert 0.3 < shares.mean() < 0.7


def test_the_penalty_of_a_quadratic_critic_is_of_the_slope_there():
    same = maps(5, 4)
    penalty = gradient_penalty(lambda x: 0.5 * x.square().sum(dim=1), same, same)
    torch.testing.assert_close(penalty, (same.norm(dim=1) - 1).square().mean())


def test_a_flat_critic_has_a_penalty_of_1_with_a_finite_gradient():
    critic = linear_critic(0.0, 0.0)
    penalty = gradient_penalty(critic, maps(3, 2), maps(3, 2, seed=1))
    penalty.backward()
    assert penalty.item() == 1.0
    assert critic.weight.grad.isfinite().all()


def test_the_penaltys_gradient_reaches_the_critic_alone():
    critic, real, fake = linear_critic(3.0, 4.0), maps(3, 2).requires_grad_(), maps(3, 2, seed=1).requires_grad_()
    with torch.no_grad():
        gradient_penalty(critic, real, fake)
    gradient_penalty(critic, real, fake).backward()
    assert real.grad is None
    assert fake.grad is None
    assert critic.weight.grad is not None


def test_the_penaltys_gradient_by_finite_differences():
    critic = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    real, fake = maps(3, 2), maps(3, 2, seed=1)

    def penalty(*weights):
        given = dict(zip(dict(critic.named_parameters()), weights, strict=True))
        score = lambda x: torch.func.functional_call(critic, given, (x,))  # noqa: E731
        return gradient_penalty(score, real, fake, generator=torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(penalty, tuple(critic.parameters()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_the_penalty_under_autocast_is_computed_in_float32(dtype):
    critic = nn.Sequential(nn.Linear(8, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    real, fake = maps(4, 8).to(dtype), maps(4, 8, seed=1).to(dtype)
    with torch.autocast("cpu", dtype):
        penalty = gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(0))
    expected = gradient_penalty(critic, real.float(), fake.float(), generator=torch.Generator().manual_seed(0))
    assert penalty.dtype == torch.float32
    torch.testing.assert_close(penalty, expected)


def test_the_penalty_refuses_maps_of_two_shapes():
    with pytest.raises(ValueError, match=r"expected fake maps .* = \(3, 2\) but found \(3, 4\)"):
        gradient_penalty(linear_critic(1.0, 1.0), maps(3, 2), maps(3, 4))


def test_clipped_weights_are_within_the_limit_and_small_ones_are_as_they_were():
    critic = linear_critic(-0.5, 0.02, 0.7)
    clip_weights(critic, 0.03)
    torch.testing.assert_close(critic.weight.data, torch.tensor([[-0.03, 0.02, 0.03]], dtype=torch.float64))
    assert critic.weight.requires_grad


def test_a_clipping_limit_of_0_is_refused():
    with pytest.raises(ValueError, match="limit above 0 but found 0"):
        clip_weights(nn.Linear(1, 1), 0)


def test_the_authors_layout_gives_one_score_for_maps_of_65():
    critic = LogitDiscriminator(19, patches=True)
    convolutions = [layer for layer in critic.blocks if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512]
    assert [type(layer).__name__ for layer in critic.blocks].count("SelfAttention2d") == 2
    assert critic(torch.zeros(1, 19, 65, 65)).shape == (1, 1, 1, 1)


def test_a_logit_critic_scores_images_or_patches_of_any_grid():
    scores = maps(2, 3, 24, 33)
    torch.manual_seed(0)
    critic = small_logit_critic(spectral_norm=False)
    patches = copy.deepcopy(critic)
    patches.patches = True
    assert patches(scores).shape == (2, 1, 3, 5)
    torch.testing.assert_close(critic(scores), patches(scores).mean(dim=(1, 2, 3)))


def test_a_logit_critic_looks_at_the_image_that_it_is_conditioned_on():
    critic, scores = small_logit_critic(image_channels=2), maps(2, 3, 16, 16)
    critic.eval()
    one, other = critic(scores, maps(2, 2, 32, 40)), critic(scores, maps(2, 2, 32, 40, seed=1))
    assert (one != other).all()


@pytest.mark.parametrize(
    ("options", "scores", "image", "message"),
    [
        ({}, (2, 4, 16, 16), None, r"expected class scores .* = \(2, 3, 16, 16\) but found \(2, 4, 16, 16\)"),
        ({}, (2, 3, 16, 15), None, r"at least 16 x 16 but found \(2, 3, 16, 15\)"),
        ({}, (2, 3, 16, 16), (2, 3, 16, 16), "an image with 0 channels but found one"),
        ({"image_channels": 3}, (2, 3, 16, 16), None, "an image with 3 channels but found none"),
        ({"image_channels": 3}, (2, 3, 16, 16), (2, 1, 16, 16), "expected image of shape"),
        ({"attention": (1,)}, (1, 3, 16, 1040), None, "at most 4096 positions for self-attention but found 4160"),
    ],
)
def test_a_logit_critic_refuses_what_does_not_fit(options, scores, image, message):
    critic = small_logit_critic(**options)
    image = None if image is None else torch.zeros(image, dtype=torch.float64)
    with pytest.raises(ValueError, match=message):
        critic(torch.zeros(scores, dtype=torch.float64), image)


def test_attention_after_a_block_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"attention after blocks 1\.\.2 but found \[3\]"):
        small_logit_critic(attention=(2, 3))


def test_self_attention_starts_as_identity_and_agrees_with_torchs():
    torch.manual_seed(0)
    attention = small_logit_critic(attention=(2,)).blocks[-1]
    x = maps(2, 8, 4, 5)
    assert torch.equal(attention(x), x)
    attention.factor.data.fill_(0.5)
    query, key, value = (m(x).flatten(2).transpose(1, 2) for m in (attention.query, attention.key, attention.value))
    expected = F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(1, 2).view_as(x)
    torch.testing.assert_close(attention(x), x + 0.5 * expected)


def test_spectral_norm_bounds_the_convolutions():
    torch.manual_seed(0)
    critic = small_logit_critic()
    for _ in range(200):
        critic(maps(1, 3, 16, 16))
    for layer in (layer for layer in critic.blocks if isinstance(layer, nn.Conv2d)):
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("side", "downsamplings"), [(32, 4), (16, 3), (8, 2), (4, 1), (2, 0), (1, 0)])
def test_a_feature_critic_comes_down_to_the_grids_of_ssd(side, downsamplings):
    critic = FeatureDiscriminator(6, width=4, downsamplings=downsamplings, patches=True)
    assert critic(torch.zeros(2, 6, side, side)).shape == (2, 1, min(side, 2), min(side, 2))


def test_a_feature_critic_gives_a_score_an_image():
    assert FeatureDiscriminator(6, width=4, spectral_norm=True)(torch.zeros(2, 6, 5, 9)).shape == (2,)
    with pytest.raises(ValueError, match=r"expected feature maps .* = \(2, 6, 5, 9\) but found \(2, 4, 5, 9\)"):
        FeatureDiscriminator(6, width=4)(torch.zeros(2, 4, 5, 9))


@pytest.mark.parametrize("form", ["clipping", "penalty", "hinge", "lsgan"])
def test_a_critic_learns_to_tell_teachers_from_students_in_50_steps(form):
    torch.manual_seed(0)
    critic = FeatureDiscriminator(2, width=8, downsamplings=1).double()
    optimiser = torch.optim.Adam(critic.parameters(), lr=0.02)
    draw = torch.Generator().manual_seed(0)

    def sample(shift):
        noise = torch.randn(16, 2, 4, 4, generator=draw, dtype=torch.float64)
        return noise + shift * torch.tensor([1.0, -1.0], dtype=torch.float64).view(2, 1, 1)

    for _ in range(50):
        teacher, student = sample(0.7), sample(-0.7)
        real, fake = critic(teacher), critic(student)
        if form == "hinge":
            loss = hinge_discriminator_loss(real, fake)
        elif form == "lsgan":
            loss = lsgan_discriminator_loss(real, fake)
        else:
            loss = wgan_discriminator_loss(real, fake)
        if form == "penalty":
            loss = loss + 10 * gradient_penalty(critic, teacher, student)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if form == "clipping":
            clip_weights(critic, 0.2)
    with torch.no_grad():
        real, fake = critic(sample(0.7)), critic(sample(-0.7))
    assert real.min() > fake.max()


def test_a_student_comes_near_its_teacher_against_a_critic():
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(), nn.Linear(16, 1)).double()
    student = nn.Linear(2, 2).double()
    critics = torch.optim.Adam(critic.parameters(), lr=0.02, betas=(0.5, 0.9))
    students = torch.optim.Adam(student.parameters(), lr=0.02, betas=(0.5, 0.9))

    def noise():
        return torch.randn(64, 2, generator=draw, dtype=torch.float64)

    centre = torch.tensor([2.0, -1.0], dtype=torch.float64)
    before = (student(noise()).mean(dim=0) - centre).norm().item()
    for _ in range(150):
        teacher, made = noise() + centre, student(noise())
        critics.zero_grad()
        loss = wgan_discriminator_loss(critic(teacher), critic(made.detach()))
        (loss + 10 * gradient_penalty(critic, teacher, made)).backward()
        critics.step()
        students.zero_grad()
        wgan_generator_loss(critic(made)).backward()
        students.step()
    assert (student(noise()).mean(dim=0) - centre).norm().item() < 0.3 * before
