"""What every network for IQ frames shares: its parts, their names, and the shape it takes."""

from __future__ import annotations

from torch import Tensor, nn

from common.errors import ConfigError
from tasks.amr.normalize import IQNormalize


class IQClassifier(nn.Module):
    """A network of four named parts, each of which can be tapped:

    - ``normalize``: `IQNormalize`, ``(B, 2, L) -> (B, 2, L)``;
    - ``encoder``: features over time, ``(B, 2, L) -> (B, C, T)``;
    - ``features``: one vector for the frame, ``(B, C, T) -> (B, num_features)``;
    - ``classifier``: a linear layer, ``(B, num_features) -> (B, num_classes)``.

    Subclasses set the last three.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `IQNormalize`.

    Raises:
        ConfigError: for fewer than two classes, or frames shorter than ``min_length``.
    """

    min_length = 16

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms"):
        super().__init__()
        name = type(self).__name__
        if num_classes < 2:
            raise ConfigError(f"expected num_classes of at least 2 for {name} but found {num_classes}")
        if length < self.min_length:
            raise ConfigError(f"expected frames of at least {self.min_length} samples for {name} but found {length}")
        self.num_classes = num_classes
        self.length = length
        self.normalize = IQNormalize(normalize)

    @property
    def num_features(self) -> int:
        """Width of the vector that ``features`` gives."""
        return self.classifier.in_features

    def forward(self, frames: Tensor) -> Tensor:
        """Class scores before softmax, ``(B, K)``, of frames ``(B, 2, L)``: I in row 0, Q in row 1.

        Raises:
            ValueError: for frames of another shape.
        """
        if frames.ndim != 3 or frames.shape[1] != 2 or frames.shape[2] != self.length:
            raise ValueError(
                f"expected IQ frames (B, 2, {self.length}) for {type(self).__name__} but found {tuple(frames.shape)}; "
                "cut the frames to this length, or build the network with another `length`"
            )
        return self.classifier(self.features(self.encoder(self.normalize(frames))))
