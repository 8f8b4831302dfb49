"""Inception-ResNet in one dimension: a large teacher and a smaller student of the same kind.

The paper [0] gives their sizes on disk, 311.77 MB and 39.69 MB, and not their layers. These are built from the blocks
of [1] with kernels over time; depths and widths are ours, chosen to come near those sizes in 32-bit weights.

[0] Wang and Liu, Automatic Modulation Classification with Neural Networks via Knowledge Distillation, Electronics
11(19):3018, 2022.
[1] Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, AAAI 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn

from common.errors import ConfigError
from tasks.amr.models.base import IQClassifier
from tasks.amr.models.layers import ConvNormAct, GlobalAveragePool


class InceptionBlock(nn.Module):
    r"""A residual block of parallel branches: ``(B, C, L) -> (B, C, L)``.

    .. math:: x \leftarrow \mathrm{ReLU}\big(x + s \cdot \mathrm{conv}_1[\mathrm{branches}(x)]\big)

    Args:
        channels: C.
        kernels: for each branch the odd kernel sizes of its convolutions, each C / 2 wide.
        scale: s, of the branches against what they are added to.
    """

    def __init__(self, channels: int, kernels: Sequence[Sequence[int]], scale: float):
        super().__init__()
        self.branches = nn.ModuleList(_chain(channels, channels // 2, branch) for branch in kernels)
        self.merge = nn.Conv1d(len(kernels) * (channels // 2), channels, 1)
        self.activation = nn.ReLU()
        self.scale = scale

    def forward(self, maps: Tensor) -> Tensor:
        """The maps and what the branches add to them."""
        added = self.merge(torch.cat([branch(maps) for branch in self.branches], dim=1))
        return self.activation(maps + self.scale * added)


class Reduction(nn.Module):
    """Halves the time axis and doubles the channels, by pooling and two branches: ``(B, C, L) -> (B, 2C, ceil(L/2))``.

    Args:
        channels: C.
    """

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.pool = nn.MaxPool1d(3, 2, 1)
        self.one = ConvNormAct(channels, half, 3, stride=2)
        self.two = nn.Sequential(_chain(channels, half, (1, 3)), ConvNormAct(half, channels - half, 3, stride=2))

    def forward(self, maps: Tensor) -> Tensor:
        """The three results beside each other."""
        return torch.cat([self.pool(maps), self.one(maps), self.two(maps)], dim=1)


def _chain(channels: int, width: int, kernels: Sequence[int]) -> nn.Sequential:
    layers = []
    for kernel in kernels:
        layers.append(ConvNormAct(channels, width, kernel))
        channels = width
    return nn.Sequential(*layers)


@MODELS.register_module()
class InceptionResNet(IQClassifier):
    """Our one-dimensional Inception-ResNet, as large as the teacher of [0]: see the module's text.

    A stem that divides the time axis by 4, blocks A (branches of kernels 1; 1, 3; 1, 3, 3), a reduction, blocks B
    (1; 1, 7), mean over time.

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        width: even channels of the blocks A; blocks B have twice as many.
        depths: number of blocks A and B.
        scale: of the residual branches.
        dropout: before the linear layer.

    Raises:
        ConfigError: if the width is odd, or there are not two depths.
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        width: int = 656,
        depths: Sequence[int] = (5, 10),
        scale: float = 0.2,
        dropout: float = 0.2,
    ):
        super().__init__(num_classes, length, normalize)
        if width < 2 or width % 2 or len(depths) != 2:
            raise ConfigError(f"expected an even width and two depths but found width {width}, depths {tuple(depths)}")
        self.encoder = nn.Sequential(
            ConvNormAct(2, width // 2, 7, stride=2),
            ConvNormAct(width // 2, width, 3, stride=2),
            *(InceptionBlock(width, ((1,), (1, 3), (1, 3, 3)), scale) for _ in range(depths[0])),
            Reduction(width),
            *(InceptionBlock(2 * width, ((1,), (1, 7)), scale) for _ in range(depths[1])),
        )
        self.features = nn.Sequential(GlobalAveragePool(), nn.Dropout(dropout))
        self.classifier = nn.Linear(2 * width, num_classes)


@MODELS.register_module()
class MiniInceptionResNet(InceptionResNet):
    """`InceptionResNet` with fewer and narrower blocks, as large as the mini Inception-ResNet of [0].

    Args:
        num_classes: number K of classes.
        length: samples L of a frame.
        normalize: mode of `tasks.amr.normalize.IQNormalize`.
        width: even channels of the blocks A; blocks B have twice as many.
        depths: number of blocks A and B.
        scale: of the residual branches.
        dropout: before the linear layer.

    Raises:
        ConfigError: if the width is odd, or there are not two depths.
    """

    def __init__(
        self,
        num_classes: int = 11,
        length: int = 128,
        normalize: str = "rms",
        width: int = 464,
        depths: Sequence[int] = (2, 2),
        scale: float = 0.2,
        dropout: float = 0.2,
    ):
        super().__init__(num_classes, length, normalize, width, depths, scale, dropout)
