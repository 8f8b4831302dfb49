"""Critics that learn beside the student: the adversarial terms of a distillation, each with its critic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Size, Tensor
from torch.func import functional_call

from common.losses.adversarial import (
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
from common.losses.base import ShapedLoss, full_precision
from common.losses.checks import check_shape

# What the student minimises, and what the critic does.
OBJECTIVES = {
    "wgan": (wgan_generator_loss, wgan_discriminator_loss),
    "hinge": (hinge_generator_loss, hinge_discriminator_loss),
    "lsgan": (lsgan_generator_loss, lsgan_discriminator_loss),
}
SPACES = ("logits", "probabilities")
SMALLEST_GRID = 2  # cells a side that a feature critic comes down to


class AdversarialLoss(ShapedLoss):
    """What a student minimises against a critic that tells its maps from the teacher's.

    A call gives the student's term, of which the critic gets no gradient. The critic has losses and an optimiser of its
    own: `critic_loss`, and `after_critic_step` once that was minimised. `common.distiller.Distiller` takes both steps
    in each iteration, the critic's first, where ``optim_wrapper`` has one for ``critic``.

    Args:
        objective: ``'wgan'``, ``'hinge'`` or ``'lsgan'``, see `common.losses.adversarial`.
        clip: the largest magnitude of the critic's weights after each of its steps, 0 for no limit.
        penalty: weight of `gradient_penalty` in the critic's loss, 0 for none.

    Raises:
        ValueError: for an unknown objective, or a limit or weight below 0.
    """

    def __init__(self, objective: str, clip: float, penalty: float, **widths: Any):
        if objective not in OBJECTIVES:
            raise ValueError(f"expected objective to be one of {tuple(OBJECTIVES)} but found {objective!r}")
        if clip < 0 or penalty < 0:
            raise ValueError(f"expected clip and penalty of at least 0 but found {clip} and {penalty}")
        self.objective, self.clip, self.penalty = objective, clip, penalty
        super().__init__(**widths)

    @full_precision
    def forward(self, student: Tensor, teacher: Tensor, image: Tensor | None = None) -> Tensor:
        """The student's term, a scalar.

        Args:
            student: map ``(B, C, H, W)`` with the teacher's channels.
            teacher: map of that shape; it takes no part here but is checked.
            image: what the critic is shown too, where it was made for one.
        """
        self._check(student, teacher)
        student = self.seen(student)
        frozen = {name: value.detach() for name, value in self.critic.named_parameters()}
        given = () if image is None else (image,)
        return OBJECTIVES[self.objective][0](functional_call(self.critic, frozen, (student, *given)))

    @full_precision
    def critic_loss(self, student: Tensor, teacher: Tensor, image: Tensor | None = None) -> Tensor:
        """What the critic minimises for the same maps, of which none gets a gradient; a scalar."""
        self._check(student, teacher)
        student, teacher = self.seen(student.detach()), self.seen(teacher.detach())
        given = () if image is None else (image,)
        loss = OBJECTIVES[self.objective][1](self.critic(teacher, *given), self.critic(student, *given))
        if self.penalty:
            loss = loss + self.penalty * gradient_penalty(lambda maps: self.critic(maps, *given), teacher, student)
        return loss

    @torch.no_grad()
    def after_critic_step(self) -> None:
        """Keep the critic's weights within the limit."""
        if self.clip:
            clip_weights(self.critic, self.clip)

    def seen(self, maps: Tensor) -> Tensor:
        """What the critic is shown of maps ``(B, C, H, W)``."""
        return maps

    def _check(self, student: Tensor, teacher: Tensor) -> None:
        self.check_built()
        sizes = check_shape("student map", student, "B C H W")
        check_shape("teacher map", teacher, "B C H W", sizes)

    def extra_repr(self) -> str:
        return f"objective={self.objective!r}, clip={self.clip}, penalty={self.penalty}"


class FeatureGANLoss(AdversarialLoss):
    """GAN-KD of feature maps [0]: the student's maps are to pass for the teacher's; one critic for each level.

    Args:
        channels: channels of the teacher's maps; taken from the shapes where left out. A student of other channels is
            projected beforehand.
        downsamplings: of the critic, see `FeatureDiscriminator`; by default as many as bring the map down to 2 cells a
            side, so that SSD512's six levels have 4, 3, 2, 1, 0 and 0.
        width: channels of the critic's blocks.
        objective: the authors' is ``'wgan'``.
        clip: the limit of the critic's weights; 0.03 is in the authors' log.
        penalty: weight of the gradient penalty; the authors clip instead.

    [0] Wang et al., GAN-Knowledge Distillation for One-Stage Object Detection, IEEE Access 2020.
    """

    adapter = "auto"

    def __init__(
        self,
        channels: int | None = None,
        downsamplings: int | None = None,
        width: int = 512,
        objective: str = "wgan",
        clip: float = 0.03,
        penalty: float = 0.0,
    ):
        self.width = width
        super().__init__(objective, clip, penalty, channels=channels, downsamplings=downsamplings)

    def widths(self, student: Size, teacher: Size) -> Mapping[str, Any]:
        side = min(teacher[2:])
        return {"channels": teacher[1], "downsamplings": max(0, math.ceil(math.log2(side / SMALLEST_GRID)))}

    def make_layers(self, channels: int, downsamplings: int) -> None:
        self.critic = FeatureDiscriminator(channels, self.width, downsamplings)
        self.after_critic_step()


class LogitGANLoss(AdversarialLoss):
    """Holistic distillation of class scores [0]: the student's score maps are to pass for the teacher's.

    Args:
        num_classes: channels of the class scores; taken from the shapes where left out.
        image_channels: channels of the image that the critic is shown too, 0 for none.
        objective: ``'wgan'`` with a penalty is the authors'.
        clip: the limit of the critic's weights, 0 for none.
        penalty: weight of the gradient penalty; 10 in the authors' code.
        spectral_norm: of the critic's convolutions.
        widths: output channels of the critic's blocks, see `LogitDiscriminator`.
        attention: after which blocks the critic has self-attention.
        space: what the critic sees: ``'logits'``, as the authors' does, or ``'probabilities'``, their softmax over
            classes, for a teacher that has no logits (several fused ones).

    [0] Liu et al., Structured Knowledge Distillation for Semantic Segmentation, CVPR 2019.
    """

    adapter = None

    def __init__(
        self,
        num_classes: int | None = None,
        image_channels: int = 0,
        objective: str = "wgan",
        clip: float = 0.0,
        penalty: float = 10.0,
        spectral_norm: bool = True,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        attention: tuple[int, ...] = (3, 4),
        space: str = "logits",
    ):
        if space not in SPACES:
            raise ValueError(f"expected space to be one of {SPACES} but found {space!r}")
        self.space = space
        self._layout = {
            "image_channels": image_channels,
            "spectral_norm": spectral_norm,
            "widths": tuple(widths),
            "attention": tuple(attention),
        }
        super().__init__(objective, clip, penalty, num_classes=num_classes)

    def widths(self, student: Size, teacher: Size, **_: Size) -> Mapping[str, Any]:
        return {"num_classes": teacher[1]}

    def make_layers(self, num_classes: int) -> None:
        self.critic = LogitDiscriminator(num_classes, **self._layout)

    def seen(self, maps: Tensor) -> Tensor:
        return maps.softmax(1) if self.space == "probabilities" else maps
