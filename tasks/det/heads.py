"""What mmdet lacks between backbone and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmdet.models.dense_heads import RepPointsHead, SSDHead
from mmdet.models.necks import SSDNeck
from mmdet.registry import MODELS
from torch import Tensor, nn

if not hasattr(SSDHead, "loss_cls"):
    SSDHead.loss_cls = None  # its base class asks it when predicting, but this head has no module of its loss


def _loss_as_in_training(self: RepPointsHead, *args: Any) -> dict[str, Any]:
    """mmdet's loss, also in eval mode, in which this head gives boxes that its own loss does not take."""
    mode, self.training = self.training, True
    try:
        return super(RepPointsHead, self).loss(*args)
    finally:
        self.training = mode


RepPointsHead.loss = _loss_as_in_training  # a distiller finds the shapes of its taps in eval mode


@MODELS.register_module()
class ProjectedSSDNeck(SSDNeck):
    """mmdet's `SSDNeck` behind 1x1 convolutions, so that a wide backbone gives the maps of a narrow one.

    GAN-KD's student trains on with its teacher's head, which wants maps of the same channels from both.

    Args:
        in_channels: of the backbone's maps.
        out_channels: of all maps, the projected ones first.
        options: further arguments of `SSDNeck`.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int], **options: Any):
        projected = tuple(out_channels[: len(in_channels)])
        super().__init__(projected, tuple(out_channels), **options)
        layers = {"norm_cfg": {"type": "BN"}, "act_cfg": {"type": "ReLU"}}
        pairs = zip(in_channels, projected, strict=True)
        self.projections = nn.ModuleList(ConvModule(wide, narrow, 1, **layers) for wide, narrow in pairs)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """All maps, finest first, of the backbone's."""
        return super().forward([layer(found) for layer, found in zip(self.projections, inputs, strict=True)])
