"""A student of depthwise-separable convolutions over time."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.registry import MODELS
from torch import nn

from common.errors import ConfigError
from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import ConvNormAct, GlobalAveragePool


@MODELS.register_module()
class KDMobileNet(IQClassifier):
    """MobileNet [0] in one dimension, our reading of the name KD-MobileNet [1], whose layers could not be had.

    A convolution, then blocks of a depthwise and a pointwise convolution, each with batch norm and ReLU6; mean over
    time. 25,683 parameters for 11 classes.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        stem_width: channels of the first convolution; ours.
        widths: channels of the blocks; ours.
        strides: by which each block divides the time axis; ours.
        kernel: odd size of the first and the depthwise kernels; ours.

    Raises:
        ConfigError: if widths and strides differ in number.

    [0] Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
    [1] Hou et al., ClST: A Convolutional Transformer Framework for Automatic Modulation Recognition by Knowledge
    Distillation, IEEE Transactions on Wireless Communications 23(7), 2024 (abstract).
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        stem_width: int = 16,
        widths: Sequence[int] = (24, 32, 48, 64, 96, 96),
        strides: Sequence[int] = (2, 1, 2, 1, 2, 1),
        kernel: int = 7,
    ):
        super().__init__(num_classes, length, normalize)
        if len(widths) != len(strides):
            raise ConfigError(f"expected as many strides as widths ({len(widths)}) but found {len(strides)}")
        layers = [ConvNormAct(2, stem_width, kernel, activation=nn.ReLU6)]
        channels = stem_width
        for width, stride in zip(widths, strides, strict=True):
            depthwise = ConvNormAct(channels, channels, kernel, stride, groups=channels, activation=nn.ReLU6)
            layers.append(nn.Sequential(depthwise, ConvNormAct(channels, width, 1, activation=nn.ReLU6)))
            channels = width
        self.encoder = nn.Sequential(*layers)
        self.features = GlobalAveragePool()
        self.classifier = nn.Linear(channels, num_classes)
