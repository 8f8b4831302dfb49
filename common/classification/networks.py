"""Small networks for small images, with names that taps can rely on, and torchvision's by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
import torchvision
from mmengine.registry import MODELS
from torch import Tensor, nn

from common.errors import CheckpointError, ConfigError, did_you_mean


def num_classes(network: Mapping[str, Any]) -> int | None:
    """What a network's config says, or else the default of what it builds; None where that knows no such key."""
    kind = network.get("type")
    built = MODELS.get(kind) if isinstance(kind, str) else kind
    known = inspect.signature(built).parameters if built else {}
    return network.get("num_classes", known["num_classes"].default) if "num_classes" in known else None


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with batch norm around a shortcut, which is projected where shapes differ."""

    def __init__(self, inner: int, outer: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inner != outer:
            self.shortcut = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, maps: Tensor) -> Tensor:
        return F.relu(self.body(maps) + self.shortcut(maps))


class _Staged(nn.Module):
    """Stages, a mean over positions, a linear layer: ``stages.0``, …, ``pool`` ``(B, D)`` and ``fc`` can be tapped."""

    def __init__(self, stages: Sequence[nn.Module], width: int, num_classes: int):
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        for stage in self.stages:
            images = stage(images)
        return self.fc(self.pool(images))


@MODELS.register_module()
class SmallResNet(_Staged):
    """Residual stages, each but the first at half the resolution of the one before.

    Args:
        num_classes: number of classes.
        widths: channels of each stage.
        blocks: residual blocks of each stage.
        in_channels: channels of the images ``(B, in_channels, H, W)``.
    """

    def __init__(self, num_classes: int = 10, widths: Sequence[int] = (32, 64, 128), blocks: int = 2, in_channels=1):
        stages = []
        for position, width in enumerate(widths):
            inner = in_channels if position == 0 else widths[position - 1]
            first = ResidualBlock(inner, width, stride=1 if position == 0 else 2)
            stages.append(nn.Sequential(first, *(ResidualBlock(width, width, 1) for _ in range(blocks - 1))))
        super().__init__(stages, widths[-1], num_classes)


@MODELS.register_module()
class SmallCNN(_Staged):
    """A convolution with batch norm and ReLU as each stage, each but the first at half the resolution.

    Args:
        num_classes: number of classes.
        widths: channels of each stage.
        in_channels: channels of the images ``(B, in_channels, H, W)``.
    """

    def __init__(self, num_classes: int = 10, widths: Sequence[int] = (4, 8, 16), in_channels: int = 1):
        inner = (in_channels, *widths[:-1])
        stages = [
            nn.Sequential(
                nn.Conv2d(before, width, 3, 1 if position == 0 else 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
            )
            for position, (before, width) in enumerate(zip(inner, widths, strict=True))
        ]
        super().__init__(stages, widths[-1], num_classes)


@MODELS.register_module()
def torchvision_network(
    name: str, num_classes: int = 1000, weights: str | None = None, small_images: bool = False
) -> nn.Module:
    """A classification network of torchvision, called with images ``(B, 3, H, W)``.

    Args:
        name: as `torchvision.models.get_model` takes it, such as ``'resnet18'``.
        num_classes: number of classes.
        weights: name of published weights, such as ``'IMAGENET1K_V1'``, which are fetched; None starts at random.
        small_images: for ResNets on 32 x 32 images: a 3 x 3 stem of stride 1 without pooling.

    Raises:
        ConfigError: for a name that torchvision does not have, or a small stem for another kind of network.
    """
    try:
        network = torchvision.models.get_model(name, weights=weights, num_classes=num_classes)
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"expected a network of torchvision but found {name!r} with weights {weights}: {error}"
        ) from error
    if small_images:
        if not isinstance(network, torchvision.models.ResNet):
            raise ConfigError(f"expected a ResNet with small_images=True but found {name!r}")
        network.conv1 = nn.Conv2d(3, network.conv1.out_channels, 3, 1, 1, bias=False)
        network.maxpool = nn.Identity()
    return network


@MODELS.register_module()
def timm_network(name: str, num_classes: int = 1000, pretrained: bool = False) -> nn.Module:
    """A classification network of timm, called with images ``(B, 3, H, W)``.

    Args:
        name: as `timm.create_model` takes it, such as ``'mobilenetv1_100'``.
        num_classes: number of classes.
        pretrained: whether to fetch published weights.

    Raises:
        ConfigError: for a name that timm does not have.
        CheckpointError: if its weights cannot be fetched.
    """
    import timm

    if not timm.is_model(name):
        raise ConfigError(f"no network {name!r} in timm{did_you_mean(name, timm.list_models())}")
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=num_classes)
    except OSError as error:
        raise CheckpointError(
            f"cannot fetch the weights of timm's {name}: {error}; start at random (--no-pretrained)"
        ) from error
