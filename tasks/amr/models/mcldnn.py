"""MCLDNN: a convolutional-recurrent network that sees I and Q together and apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import LastStep, Recurrent, start_as_keras


class MultiChannelConvolutions(nn.Module):
    """The convolutions of MCLDNN: ``(B, 2, L) -> (B, 100, L - 4)``.

    The frame as a picture of two rows, and each row on its own with a causal kernel, are convolved, put together
    and merged into one row.
    """

    def __init__(self):
        super().__init__()
        self.both = nn.Conv2d(1, 50, (2, 8))
        self.in_phase = nn.Conv1d(1, 50, 8)
        self.quadrature = nn.Conv1d(1, 50, 8)
        self.apart = nn.Conv2d(50, 50, (1, 8))
        self.merge = nn.Conv2d(100, 100, (2, 5))

    def forward(self, frames: Tensor) -> Tensor:
        """Features over time."""
        # "Same" padding of an even kernel as Keras lays it: the larger part behind; causal: all of it in front.
        both = F.relu(self.both(F.pad(frames.unsqueeze(1), (3, 4, 0, 1))))
        in_phase = F.relu(self.in_phase(F.pad(frames[:, :1], (7, 0))))
        quadrature = F.relu(self.quadrature(F.pad(frames[:, 1:], (7, 0))))
        apart = F.relu(self.apart(F.pad(torch.stack([in_phase, quadrature], dim=2), (3, 4))))
        return F.relu(self.merge(torch.cat([both, apart], dim=1))).squeeze(2)


@MODELS.register_module()
class MCLDNN(IQClassifier):
    """MCLDNN [0], layer for layer: convolutions, two LSTMs, two dense layers; 406,199 parameters for 11 classes.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`; [0] feeds the files' own scale (``'none'``).
        dropout: after each dense layer.

    [0] Xu et al., A Spatiotemporal Multi-Channel Learning Framework for Automatic Modulation Recognition, IEEE
    Wireless Communications Letters, 2020; layers and counts as in the survey's code (AMR-Benchmark).
    """

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms", dropout: float = 0.5):
        super().__init__(num_classes, length, normalize)
        self.encoder = nn.Sequential(
            MultiChannelConvolutions(),
            Recurrent(nn.LSTM(100, 128, batch_first=True)),
            Recurrent(nn.LSTM(128, 128, batch_first=True)),
        )
        self.features = nn.Sequential(
            LastStep(),
            nn.Linear(128, 128),
            nn.SELU(),
            nn.Dropout(dropout),
            nn.Linear(128, 128),
            nn.SELU(),
            nn.Dropout(dropout),
        )
        self.classifier = nn.Linear(128, num_classes)
        start_as_keras(self)
