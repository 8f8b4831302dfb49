"""Students that are a chain of one-dimensional convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import MODELS
from torch import nn

from common.errors import ConfigError
from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import ConvNormAct, GlobalAveragePool


@MODELS.register_module()
class KDCNN(IQClassifier):
    """A small plain network, our reading of the name KD-CNN [0], whose layers could not be had; 20,459 parameters.

    Convolution, batch norm, ReLU, four times, with halving of the time axis between them; mean over time.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        widths: channels of the convolutions; ours.
        kernels: their sizes, odd; ours.

    Raises:
        ConfigError: if widths and kernels differ in number.

    [0] Hou et al., ClST: A Convolutional Transformer Framework for Automatic Modulation Recognition by Knowledge
    Distillation, IEEE Transactions on Wireless Communications 23(7), 2024 (abstract).
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        widths: Sequence[int] = (32, 32, 48, 64),
        kernels: Sequence[int] = (7, 5, 3, 3),
    ):
        super().__init__(num_classes, length, normalize)
        if len(widths) != len(kernels):
            raise ConfigError(f"expected as many kernels as widths ({len(widths)}) but found {len(kernels)}")
        layers: list[nn.Module] = []
        channels = 2
        for width, kernel in zip(widths, kernels, strict=True):
            layers += [ConvNormAct(channels, width, kernel), nn.MaxPool1d(2)]
            channels = width
        self.encoder = nn.Sequential(*layers[:-1])
        self.features = GlobalAveragePool()
        self.classifier = nn.Linear(channels, num_classes)


@MODELS.register_module()
class CNN3(IQClassifier):
    """Three convolutions and a mean over time, our reading of the student CNN3 [0], whose layers could not be had.

    The widths are ours, chosen so that 92,875 parameters take the 0.37 MB that [0] gives.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        widths: channels of the three convolutions.
        kernels: their sizes.

    Raises:
        ConfigError: if widths and kernels differ in number.

    [0] Wang and Liu, Automatic Modulation Classification with Neural Networks via Knowledge Distillation, Electronics
    11(19):3018, 2022.
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        widths: Sequence[int] = (64, 128, 128),
        kernels: Sequence[int] = (8, 5, 3),
    ):
        super().__init__(num_classes, length, normalize)
        if len(widths) != len(kernels):
            raise ConfigError(f"expected as many kernels as widths ({len(widths)}) but found {len(kernels)}")
        layers: list[nn.Module] = []
        channels = 2
        for width, kernel in zip(widths, kernels, strict=True):
            layers += [nn.Conv1d(channels, width, kernel, padding=kernel // 2), nn.ReLU(), nn.MaxPool1d(2)]
            channels = width
        self.encoder = nn.Sequential(*layers)
        self.features = GlobalAveragePool()
        self.classifier = nn.Linear(channels, num_classes)


@MODELS.register_module()
class RML22CNN(IQClassifier):
    """The baseline of RML22 [0], layer for layer; 86,379 parameters for 11 classes, 86,250 for its own 10.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame; the first dense layer grows with it.
        normalize: mode of `tasks.amr.normalize.IQNormalize`; [0] feeds the files' own scale (``'none'``).
        dropout: between the dense layers, which have no activation.

    [0] Sathyanarayanan et al., RML22; layers as in its notebook.
    """

    def __init__(self, num_classes: int = 11, length: int = 128, normalize: str = "rms", dropout: float = 0.5):
        super().__init__(num_classes, length, normalize)
        layers: list[nn.Module] = []
        for channels, width in ((2, 64), (64, 64), (64, 32)):
            layers += [nn.Conv1d(channels, width, 3, padding=1), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2)]
        self.encoder = nn.Sequential(*layers)
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(32 * (length // 8), 128), nn.Dropout(dropout))
        self.classifier = nn.Linear(128, num_classes)
