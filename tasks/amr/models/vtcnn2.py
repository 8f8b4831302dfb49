"""VT-CNN2: the first network of the RadioML files."""

from __future__ import annotations

import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import start_as_keras


class PictureConvolutions(nn.Module):
    """The convolutions of VT-CNN2: ``(B, 2, L) -> (B, 50, L - 7)``."""

    def __init__(self, dropout: float):
        super().__init__()
        self.rows = nn.Conv2d(1, 50, (1, 8))
        self.merge = nn.Conv2d(50, 50, (2, 8))
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor) -> Tensor:
        """Features over time."""
        # "Same" padding of an even kernel as Keras lays it: the larger part behind.
        maps = self.dropout(F.relu(self.rows(F.pad(frames.unsqueeze(1), (3, 4)))))
        return self.dropout(F.relu(self.merge(maps)).squeeze(2))


@MODELS.register_module()
class VTCNN2(IQClassifier):
    """VT-CNN2 [0] as the AMR benchmark has it (CNN1), layer for layer; 1,592,383 parameters for 11 classes.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame; the first dense layer grows with it (13.1 million for 24 classes at 1024).
        normalize: mode of `tasks.amr.normalize.IQNormalize`; [0] feeds the files' own scale (``'none'``).
        dropout: after both convolutions and the first dense layer.

    [0] O'Shea, Corgan, Clancy, Convolutional Radio Modulation Recognition Networks, 2016.
    """

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms", dropout: float = 0.5):
        super().__init__(num_classes, length, normalize)
        self.encoder = PictureConvolutions(dropout)
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(50 * (length - 7), 256), nn.ReLU(), nn.Dropout(dropout))
        self.classifier = nn.Linear(256, num_classes)
        start_as_keras(self)
