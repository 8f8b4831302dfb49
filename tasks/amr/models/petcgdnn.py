"""PET-CGDNN: a small network that first turns the frame by an angle of its own estimate."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import LastStep, Recurrent, start_as_keras


class PhaseCorrection(nn.Module):
    r"""Turns a frame by an angle that is linear in its samples: ``(B, 2, L) -> (B, 2, L)``.

    .. math:: I' = I\cos\varphi + Q\sin\varphi, \quad Q' = Q\cos\varphi - I\sin\varphi

    Args:
        length: samples L of a frame.
    """

    def __init__(self, length: int):
        super().__init__()
        self.angle = nn.Linear(2 * length, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """The turned frames."""
        angle = self.angle(frames.flatten(1))
        cosine, sine = angle.cos(), angle.sin()
        in_phase, quadrature = frames[:, 0], frames[:, 1]
        return torch.stack([in_phase * cosine + quadrature * sine, quadrature * cosine - in_phase * sine], dim=1)


class FrameConvolutions(nn.Module):
    """The convolutions of PET-CGDNN: ``(B, 2, L) -> (B, 25, L - 11)``."""

    def __init__(self):
        super().__init__()
        self.merge = nn.Conv2d(1, 75, (2, 8))
        self.narrow = nn.Conv1d(75, 25, 5)

    def forward(self, frames: Tensor) -> Tensor:
        """Features over time."""
        return F.relu(self.narrow(F.relu(self.merge(frames.unsqueeze(1))).squeeze(2)))


@MODELS.register_module()
class PETCGDNN(IQClassifier):
    """PET-CGDNN [0], layer for layer: phase correction, two convolutions, a GRU; 71,871 parameters for 11 classes.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame; two more parameters for each.
        normalize: mode of `tasks.amr.normalize.IQNormalize`; [0] feeds the files' own scale (``'none'``).

    [0] Zhang et al., An Efficient Deep Learning Model for Automatic Modulation Recognition Based on Parameter
    Estimation and Transformation, IEEE Communications Letters, 2021; layers and counts as in the survey's code
    (AMR-Benchmark).
    """

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms"):
        super().__init__(num_classes, length, normalize)
        self.encoder = nn.Sequential(
            PhaseCorrection(length),
            FrameConvolutions(),
            Recurrent(nn.GRU(25, 128, batch_first=True)),
        )
        self.features = LastStep()
        self.classifier = nn.Linear(128, num_classes)
        start_as_keras(self)
