"""Backbones that mmdet does not have."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmdet.registry import MODELS
from mmengine.model import BaseModule, Sequential
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

# Depthwise separable layers by stage: (channels, stride) of each; the stages end at strides 2, 4, 8, 16 and 32.
STAGES = (
    ((64, 1),),
    ((128, 2), (128, 1)),
    ((256, 2), (256, 1)),
    ((512, 2), *((512, 1),) * 5),
    ((1024, 2), (1024, 1)),
)
STEM_CHANNELS = 32


@MODELS.register_module()
class MobileNetV1(BaseModule):
    """MobileNet of depthwise separable convolutions [0], without its classifier.

    Args:
        widen_factor: of all numbers of channels, the width multiplier; 0.75 and 1 in GAN-KD.
        out_indices: the stages whose maps are given, of 0 to 4 at strides 2, 4, 8, 16 and 32 with 64, 128, 256, 512 and
            1024 channels times ``widen_factor``.
        norm_eval: keep the statistics of batch norm fixed in training.
        norm_cfg: of the normalisation.
        init_cfg: as in mmengine; by default a random start, see there for ``Pretrained``.

    Raises:
        ValueError: for a stage that there is not.

    [0] Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017.
    """

    def __init__(
        self,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (3, 4),
        norm_eval: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ):
        super().__init__(init_cfg or [{"type": "Kaiming", "layer": "Conv2d"}])
        if not out_indices or any(not 0 <= index < len(STAGES) for index in out_indices):
            raise ValueError(f"expected out_indices within 0..{len(STAGES) - 1} but found {tuple(out_indices)}")
        self.out_indices, self.norm_eval = tuple(out_indices), norm_eval
        layers = {"norm_cfg": norm_cfg or {"type": "BN"}, "act_cfg": {"type": "ReLU"}, "padding": 1}
        inner = _width(STEM_CHANNELS, widen_factor)
        self.stem = ConvModule(3, inner, 3, stride=2, **layers)
        self.stages = []
        for number, stage in enumerate(STAGES[: max(out_indices) + 1]):
            blocks = []
            for channels, stride in stage:
                channels = _width(channels, widen_factor)
                blocks.append(DepthwiseSeparableConvModule(inner, channels, 3, stride=stride, **layers))
                inner = channels
            self.add_module(f"stage{number}", Sequential(*blocks))
            self.stages.append(f"stage{number}")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps of the chosen stages, finest first, for images ``(B, 3, H, W)``."""
        maps = []
        found = self.stem(images)
        for number, name in enumerate(self.stages):
            found = getattr(self, name)(found)
            if number in self.out_indices:
                maps.append(found)
        return tuple(maps)

    def train(self, mode: bool = True) -> MobileNetV1:
        """As any module, but for batch norm with ``norm_eval``."""
        super().train(mode)
        for module in self.modules() if mode and self.norm_eval else ():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self


def _width(channels: int, factor: float) -> int:
    return max(8, int(channels * factor))
