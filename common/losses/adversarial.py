"""Adversarial distillation: a critic learns to tell student from teacher, the student to be taken for a teacher.

The terms take the critic's scores, ``real`` for the teacher's maps and ``fake`` for the student's, and refuse empty or
integer ones with a ValueError. To train the critic give it detached maps; to train the student (the generator) give it
the student's maps as they are, and step only the student's optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from common.losses.base import HALF, loss_function
from common.losses.checks import check_shape

ATTENTION_POSITIONS = 4096


@loss_function(resize=False)
def wgan_generator_loss(fake: Tensor) -> Tensor:
    r"""What the student minimises against a Wasserstein critic [0].

    .. math:: -\frac{1}{N} \sum_n D(S_n)

    GAN-KD for detectors prints the critic with the other sign (the student minimises its mean score); the two are
    one method with -D for D.

    Args:
        fake: the critic's scores of the student's maps, any shape with a batch axis; the gradient goes through them.

    Returns:
        Scalar.

    >>> import torch
    >>> wgan_generator_loss(torch.tensor([1.0, 2.0]))
    tensor(-1.5000)

    [0] Arjovsky, Chintala and Bottou, Wasserstein GAN, ICML 2017.
    """
    check_shape("fake scores", fake, "B *")
    return -fake.mean()


@loss_function(resize=False)
def wgan_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""What a Wasserstein critic minimises [0]: minus its estimate of the distance of student and teacher.

    .. math:: \frac{1}{N} \sum_n D(S_n) - \frac{1}{N} \sum_n D(T_n)

    Meaningful for a critic of bounded slope only: clip its weights after each step (`clip_weights`), or add
    `gradient_penalty`.

    Args:
        real: the critic's scores of the teacher's maps, any shape with a batch axis.
        fake: the critic's scores of the student's maps; may have another shape.

    Returns:
        Scalar, negative where the critic tells them apart.

    >>> import torch
    >>> wgan_discriminator_loss(torch.tensor([3.0, 2.0]), torch.tensor([1.0, -1.0]))
    tensor(-2.5000)

    [0] Arjovsky, Chintala and Bottou, Wasserstein GAN, ICML 2017.
    """
    _check_scores(real, fake)
    return fake.mean() - real.mean()


@loss_function(resize=False)
def hinge_generator_loss(fake: Tensor) -> Tensor:
    r"""What the student minimises in the hinge form [0]; the same as against a Wasserstein critic.

    .. math:: -\frac{1}{N} \sum_n D(S_n)

    Args:
        fake: the critic's scores of the student's maps, any shape with a batch axis; the gradient goes through them.

    Returns:
        Scalar.

    >>> import torch
    >>> hinge_generator_loss(torch.tensor([1.0, 2.0]))
    tensor(-1.5000)

    [0] Lim and Ye, Geometric GAN, arXiv:1705.02894, 2017.
    """
    check_shape("fake scores", fake, "B *")
    return -fake.mean()


@loss_function(resize=False)
def hinge_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""What the critic minimises in the hinge form [0]: teachers above 1, students below -1.

    .. math:: \frac{1}{N} \sum_n \max(0, 1 - D(T_n)) + \frac{1}{N} \sum_n \max(0, 1 + D(S_n))

    The sum of both, as in SAGAN; some halve it.

    Args:
        real: the critic's scores of the teacher's maps, any shape with a batch axis.
        fake: the critic's scores of the student's maps; may have another shape.

    Returns:
        Scalar, 0 where the scores are apart by the margin.

    >>> import torch
    >>> hinge_discriminator_loss(torch.tensor([3.0, 0.0]), torch.tensor([-1.0, -0.5]))
    tensor(0.7500)

    [0] Lim and Ye, Geometric GAN, arXiv:1705.02894, 2017.
    """
    _check_scores(real, fake)
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


@loss_function(resize=False)
def lsgan_generator_loss(fake: Tensor) -> Tensor:
    r"""What the student minimises in the least-squares form [0], with the labels 0 and 1.

    .. math:: \frac{1}{2N} \sum_n (D(S_n) - 1)^2

    Args:
        fake: the critic's scores of the student's maps, any shape with a batch axis; the gradient goes through them.

    Returns:
        Scalar, 0 where every score is 1.

    >>> import torch
    >>> lsgan_generator_loss(torch.tensor([1.0, 3.0]))
    tensor(1.)

    [0] Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017.
    """
    check_shape("fake scores", fake, "B *")
    return 0.5 * (fake - 1).square().mean()


@loss_function(resize=False)
def lsgan_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    r"""What the critic minimises in the least-squares form [0], with the labels 0 and 1.

    .. math:: \frac{1}{2N} \sum_n (D(T_n) - 1)^2 + \frac{1}{2N} \sum_n D(S_n)^2

    Args:
        real: the critic's scores of the teacher's maps, any shape with a batch axis.
        fake: the critic's scores of the student's maps; may have another shape.

    Returns:
        Scalar, 0 where teachers score 1 and students 0.

    >>> import torch
    >>> lsgan_discriminator_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    tensor(1.2500)

    [0] Mao et al., Least Squares Generative Adversarial Networks, ICCV 2017.
    """
    _check_scores(real, fake)
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def _check_scores(real: Tensor, fake: Tensor) -> None:
    check_shape("real scores", real, "B *")
    check_shape("fake scores", fake, "B *")


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    target: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""WGAN-GP's penalty [0] on slopes of the critic other than ``target``, between teacher and student.

    .. math::
        \frac{1}{N} \sum_n \big(\|\nabla_x D(x_n)\|_2 - 1\big)^2, \qquad x_n = a_n T_n + (1 - a_n) S_n,
        \quad a_n \sim U(0, 1)

    with one a for each sample. It is not weighted; the paper, and SKD's holistic distillation, take 10 times it. A
    critic that gives several scores a sample counts with their mean, which is what the adversarial terms see. Under
    autocast, and for half maps, critic and slopes are computed in float32, so the critic's weights must be float32.
    Not for critics with batch normalisation, where a slope is no sample's own.

    Args:
        critic: gives scores with a batch axis; for one that also takes an image, bind it:
            ``lambda x: critic(x, image)``.
        real: the teacher's maps, shape ``(B, *)``; no gradient flows into them.
        fake: the student's maps, same shape; no gradient flows into them either.
        target: the slope wanted.
        generator: where a is drawn from, on the maps' device; by default the global one.

    Returns:
        Scalar, with a gradient for the critic's weights.

    Raises:
        ValueError: if the shapes differ.

    >>> import torch
    >>> gradient_penalty(lambda x: 3 * x[:, 0] + 4 * x[:, 1], torch.ones(2, 2), torch.zeros(2, 2))
    tensor(16.)

    [0] Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017.
    """
    sizes = check_shape("real maps", real, "B *")
    check_shape("fake maps", fake, "B *", sizes)
    real, fake = (x.detach().float() if x.dtype in HALF else x.detach() for x in (real, fake))
    a = torch.rand(len(real), *[1] * (real.dim() - 1), generator=generator, device=real.device, dtype=real.dtype)
    between = (a * real + (1 - a) * fake).requires_grad_()
    with torch.enable_grad(), torch.autocast(real.device.type, enabled=False):
        scores = critic(between)
        scores = scores.flatten(1).mean(dim=1) if scores.dim() > 1 else scores
        (slopes,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
        return (torch.linalg.vector_norm(slopes.flatten(1), dim=1) - target).square().mean()


@torch.no_grad()
def clip_weights(module: nn.Module, limit: float) -> None:
    """Clip every parameter of a critic to ``[-limit, limit]``, in place: WGAN's bound on its slope [0].

    To be called after each of the critic's steps. The paper takes 0.01; GAN-KD for detectors logged 0.03.

    Args:
        module: the critic.
        limit: the largest magnitude left.

    Raises:
        ValueError: for a limit that is not above 0.

    [0] Arjovsky, Chintala and Bottou, Wasserstein GAN, ICML 2017.
    """
    if not limit > 0:
        raise ValueError(f"expected a limit above 0 but found {limit}")
    for parameter in module.parameters():
        parameter.clamp_(-limit, limit)


class LogitDiscriminator(nn.Module):
    """Critic of dense class scores, fully convolutional, as in SKD's holistic distillation [0].

    Blocks of a 4x4 convolution with stride 2 and LeakyReLU(0.1), SAGAN self-attention after some of them, and a 4x4
    convolution to the scores. The defaults are the layout of the authors' code but for its batch normalisation of the
    input, which ``normalize_input`` turns on: with a gradient penalty it let the critic diverge. The paper gives the
    critic the image too; the authors' code does not. The adversarial part of the spatial-temporal distillation of Wang
    et al. (YAC 2022) is known as "a GAN structure" only; this critic is a choice for it, not their layout.

    Args:
        num_classes: channels of the class scores.
        widths: output channels of each block.
        image_channels: channels of the image that the critic is given too, 0 for none.
        attention: after which blocks self-attention comes, counted from 1.
        spectral_norm: whether the convolutions of the blocks have spectral norm 1.
        normalize_input: batch normalisation of the class scores.
        patches: whether to return the score of each patch instead of their mean.

    [0] Liu et al., Structured Knowledge Distillation for Semantic Segmentation, CVPR 2019.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        image_channels: int = 0,
        attention: Sequence[int] = (3, 4),
        spectral_norm: bool = True,
        normalize_input: bool = False,
        patches: bool = False,
    ):
        super().__init__()
        unknown = [block for block in attention if not 1 <= block <= len(widths)]
        if unknown:
            raise ValueError(f"expected attention after blocks 1..{len(widths)} but found {unknown}")
        self.num_classes, self.image_channels, self.patches = num_classes, image_channels, patches
        self.smallest = 4 * 2 ** len(widths)  # what the blocks leave of it, the last 4x4 convolution covers
        self.normalize = nn.BatchNorm2d(num_classes) if normalize_input else nn.Identity()
        layers: list[nn.Module] = []
        channels = num_classes + image_channels
        for block, width in enumerate(widths, start=1):
            conv = nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1)
            layers += [parametrizations.spectral_norm(conv) if spectral_norm else conv, nn.LeakyReLU(0.1)]
            if block in attention:
                layers.append(SelfAttention2d(width))
            channels = width
        self.blocks = nn.Sequential(*layers)
        self.score = nn.Conv2d(channels, 1, kernel_size=4)

    def forward(self, scores: Tensor, image: Tensor | None = None) -> Tensor:
        """Scores ``(B,)``, or ``(B, 1, h, w)`` with ``patches``.

        Args:
            scores: class scores, shape ``(B, C, H, W)``.
            image: the images, shape ``(B, image_channels, *, *)``, brought to the grid of the class scores; wanted
                exactly where there are ``image_channels``.

        Raises:
            ValueError: if shapes do not fit, or the class scores are too small for the blocks.
        """
        sizes = check_shape("class scores", scores, "B C H W", {"C": self.num_classes})
        if min(sizes["H"], sizes["W"]) < self.smallest:
            raise ValueError(
                f"expected class scores of at least {self.smallest} x {self.smallest} but found "
                f"{tuple(scores.shape)}; enlarge them or give fewer widths="
            )
        x = self.normalize(scores)
        if (image is not None) != (self.image_channels > 0):
            found = "none" if image is None else "one"
            raise ValueError(f"expected an image with {self.image_channels} channels but found {found}")
        if image is not None:
            check_shape("image", image, "B C H W", {"B": sizes["B"], "C": self.image_channels})
            image = F.interpolate(image, size=scores.shape[-2:], mode="bilinear", align_corners=False)
            x = torch.cat([x, image.to(x.dtype)], dim=1)
        x = self.score(self.blocks(x))
        return x if self.patches else x.mean(dim=(1, 2, 3))


class FeatureDiscriminator(nn.Module):
    """Critic of one level of feature maps, as in GAN-KD for one-stage detectors [0]; one is made for each level.

    Known of the authors' is a figure: maps of 512 x 16 x 16, four blocks of 512 channels, grids of 16, 8, 4 and 2,
    and one score. The rest is a reconstruction: 3x3 convolutions with LeakyReLU, the first without stride, and a 1x1
    convolution whose scores are averaged, so that a map of any size has a score. SSD512's six levels of 32 to 1 cells
    a side come down to 2 or less with ``downsamplings`` 4, 3, 2, 1, 0 and 0. Where student and teacher differ in
    channels, a projection goes before it.

    Args:
        channels: channels of the maps.
        width: channels of the blocks; 512 in the figure.
        downsamplings: blocks of stride 2 behind the first; 3 in the figure.
        slope: of LeakyReLU below 0; ours.
        spectral_norm: whether the convolutions of the blocks have spectral norm 1.
        patches: whether to return the score of each position instead of their mean.

    [0] Wang et al., GAN-Knowledge Distillation for One-Stage Object Detection, IEEE Access 2020.
    """

    def __init__(
        self,
        channels: int,
        width: int = 512,
        downsamplings: int = 3,
        slope: float = 0.1,
        spectral_norm: bool = False,
        patches: bool = False,
    ):
        super().__init__()
        self.channels, self.patches = channels, patches
        layers: list[nn.Module] = []
        for block in range(downsamplings + 1):
            stride = 1 if block == 0 else 2
            conv = nn.Conv2d(channels if block == 0 else width, width, kernel_size=3, stride=stride, padding=1)
            layers += [parametrizations.spectral_norm(conv) if spectral_norm else conv, nn.LeakyReLU(slope)]
        self.blocks = nn.Sequential(*layers)
        self.score = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, features: Tensor) -> Tensor:
        """Scores ``(B,)``, or ``(B, 1, h, w)`` with ``patches``, of maps ``(B, C, H, W)``.

        Raises:
            ValueError: if the shape does not fit.
        """
        check_shape("feature maps", features, "B C H W", {"C": self.channels})
        x = self.score(self.blocks(features))
        return x if self.patches else x.mean(dim=(1, 2, 3))


class SelfAttention2d(nn.Module):
    """Self-attention over the positions of a map [0], added with a learned factor that starts at 0.

    Its memory grows with the square of the positions, so more than 4096 of them are refused.

    [0] Zhang et al., Self-Attention Generative Adversarial Networks, ICML 2019.
    """

    def __init__(self, channels: int):
        super().__init__()
        inner = max(1, channels // 8)
        self.query, self.key = nn.Conv2d(channels, inner, 1), nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.factor = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Maps of the same shape ``(B, C, H, W)``."""
        positions = x.shape[2] * x.shape[3]
        if positions > ATTENTION_POSITIONS:
            raise ValueError(
                f"expected at most {ATTENTION_POSITIONS} positions for self-attention but found {positions}; "
                f"give smaller class scores or attention=()"
            )
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        attention = torch.softmax(query.transpose(1, 2) @ key, dim=2)  # (B, positions that ask, positions asked)
        return x + self.factor * (value @ attention.transpose(1, 2)).view_as(x)
