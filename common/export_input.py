"""What exported networks do with the images that they get: preprocessing as a part of the network."""

from __future__ import annotations

import torch
from mmengine.model import ImgDataPreprocessor
from torch import Tensor, nn
from torch.nn import functional as F


class NormalisedInput(nn.Module):
    """RGB images of 0 to 255 as a network behind a preprocessor of mmengine sees them, but for padding.

    Args:
        preprocessor: the network's.
        pipeline_order: channel order in which the config's transforms hand images to the preprocessor; mmcv's image
            loader gives ``'bgr'``.

    Raises:
        ValueError: for another order.
    """

    def __init__(self, preprocessor: ImgDataPreprocessor, pipeline_order: str = "bgr"):
        super().__init__()
        if pipeline_order not in ("rgb", "bgr"):
            raise ValueError(f"expected pipeline_order 'rgb' or 'bgr' but found {pipeline_order!r}")
        # The preprocessor either keeps the pipeline's order or turns it round; what comes here is RGB.
        self.reverse_channels = (pipeline_order == "bgr") != preprocessor._channel_conversion
        normalises = preprocessor._enable_normalize
        self.register_buffer("mean", preprocessor.mean.detach().clone() if normalises else torch.zeros(1, 1, 1))
        self.register_buffer("std", preprocessor.std.detach().clone() if normalises else torch.ones(1, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Images as the network takes them.

        Args:
            image: RGB ``[B, 3, H, W]``, float, 0 to 255.
        """
        if self.reverse_channels:
            image = image.flip(1)
        return (image - self.mean) / self.std

    def colour_of(self, value: float) -> tuple[float, float, float]:
        """The RGB colour that the network sees as ``value`` in all channels, such as that of padding."""
        colour = (value * self.std + self.mean).flatten().expand(3)
        return tuple((colour.flip(0) if self.reverse_channels else colour).tolist())


def smooth_image(height: int, width: int) -> Tensor:
    """Smooth random colours ``[1, 3, H, W]``, 0 to 255: large patches, as in photographs, the same every time."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(255 * coarse, size=(height, width), mode="bilinear").round()
