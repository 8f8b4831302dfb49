"""Random views of IQ frames that leave the modulation what it is."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from common.errors import ConfigError


class View(NamedTuple):
    r"""How frames are changed, one entry for each: :math:`y_n = g\, e^{j(\varphi + 2\pi f n)}\, x_{(n-s) \bmod L}`."""

    phase: Tensor
    """:math:`\varphi` in radians, float64 ``(B,)``."""
    frequency: Tensor
    """f in cycles per sample, float64 ``(B,)``."""
    shift: Tensor
    """s in samples, int64 ``(B,)``."""
    gain: Tensor
    """g, float64 ``(B,)``."""


@MODELS.register_module()
class IQAugment(nn.Module):
    """Turns, shifts, detunes and scales frames at random, all of a batch at once; in eval mode it changes nothing.

    As ``augment`` of `common.classification.model.TensorPreprocessor` it makes one view for the student and its
    teachers, on their device. Views follow from torch's random state, which `common.hooks.SeededStepHook` seeds.

    Args:
        rotate: turn by 0, 90, 180 or 270 degrees.
        phase: turn by any angle instead.
        shift: move by up to so many samples either way; what leaves at one end comes in at the other.
        frequency: detune by up to this either way, in cycles per sample (a fraction of the sample rate).
        gain_db: amplify by up to so many decibels either way; a network that normalises its input does not see it.

    Raises:
        ConfigError: for a negative range, or a frequency above 0.5.
    """

    def __init__(
        self,
        rotate: bool = True,
        phase: bool = False,
        shift: int = 0,
        frequency: float = 0.0,
        gain_db: float = 0.0,
    ):
        super().__init__()
        for name, value in (("shift", shift), ("frequency", frequency), ("gain_db", gain_db)):
            if value < 0:
                raise ConfigError(f"expected a range of 0 or more for {name} but found {value}")
        if frequency > 0.5:
            raise ConfigError(f"expected a frequency of at most 0.5 cycles per sample but found {frequency}")
        self.rotate, self.phase = rotate, phase
        self.shift, self.frequency, self.gain_db = shift, frequency, gain_db

    def forward(self, frames: Tensor) -> Tensor:
        """A view of each of ``frames``, shape ``(B, 2, L)``."""
        return apply_view(frames, self.draw(len(frames))) if self.training else frames

    def draw(self, count: int) -> View:
        """Views for ``count`` frames."""
        chance = torch.rand(count, 4, dtype=torch.float64)
        either_way = 2 * chance - 1
        quarters = (4 * chance[:, 0]).floor() * self.rotate
        return View(
            phase=2 * math.pi * chance[:, 0] if self.phase else math.pi / 2 * quarters,
            frequency=self.frequency * either_way[:, 1],
            shift=((2 * self.shift + 1) * chance[:, 2]).floor().long() - self.shift,
            gain=10 ** (self.gain_db * either_way[:, 3] / 20),
        )


def apply_view(frames: Tensor, view: View) -> Tensor:
    """Change frames ``(B, 2, L)`` as `View` says, to the same shape and dtype."""
    samples = torch.arange(frames.shape[2], dtype=torch.float64)
    angle = view.phase[:, None] + 2 * math.pi * view.frequency[:, None] * samples
    cosine = (view.gain[:, None] * angle.cos()).to(frames)
    sine = (view.gain[:, None] * angle.sin()).to(frames)
    if view.shift.any():
        place = (samples.long() - view.shift[:, None]) % frames.shape[2]
        frames = frames.gather(2, place.to(frames.device)[:, None].expand_as(frames))
    in_phase, quadrature = frames.unbind(1)
    return torch.stack([in_phase * cosine - quadrature * sine, in_phase * sine + quadrature * cosine], dim=1)
