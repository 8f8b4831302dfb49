"""The residual network of the modulation-recognition benchmarks."""

from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import start_as_keras


class ResidualConvolutions(nn.Module):
    """The convolutions of `IQResNet`: ``(B, 2, L) -> (B, 160, L)``, 80 channels for each of the rows I and Q."""

    def __init__(self, dropout: float):
        super().__init__()
        self.first = nn.Conv2d(1, 256, (1, 3), padding=(0, 1))
        self.second = nn.Conv2d(256, 256, (2, 3))
        self.third = nn.Conv2d(256, 80, (1, 3), padding=(0, 1))
        self.fourth = nn.Conv2d(80, 80, (1, 3), padding=(0, 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor) -> Tensor:
        """Features over time."""
        picture = frames.unsqueeze(1)
        # "Same" padding of two rows as Keras lays it: one row below.
        branch = self.second(F.pad(F.relu(self.first(picture)), (1, 1, 0, 1)))
        maps = F.relu(branch + picture)  # the one input channel is added to each of the 256
        maps = F.relu(self.fourth(F.relu(self.third(maps))))
        return self.dropout(maps.flatten(1, 2))


@MODELS.register_module()
class IQResNet(IQClassifier):
    """ResNet of the AMR benchmark [0], layer for layer; 3,098,283 parameters for 11 classes and 128 samples.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame; the first dense layer grows with it (21.5 million for 24 classes at 1024).
        normalize: mode of `tasks.amr.normalize.IQNormalize`; [0] feeds the files' own scale (``'none'``).
        dropout: after the convolutions and after the first dense layer.

    [0] Zhang et al., Deep Learning Based Automatic Modulation Recognition: Models, Datasets, and Challenges, Digital
    Signal Processing, 2022 (AMR-Benchmark).
    """

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms", dropout: float = 0.6):
        super().__init__(num_classes, length, normalize)
        self.encoder = ResidualConvolutions(dropout)
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(160 * length, 128), nn.ReLU(), nn.Dropout(dropout))
        self.classifier = nn.Linear(128, num_classes)
        start_as_keras(self)
