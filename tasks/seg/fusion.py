"""A teacher of two networks: one of convolutions and one of attention, whose class probabilities are fused by pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmseg.models.segmentors import BaseSegmentor
from torch import Tensor, nn

from common.errors import ConfigError, did_you_mean
from common.teacher_config import build_teacher, input_conversion

FUSIONS = ("mean", "confidence", "learned")
_TINY = 1e-12


class ProbabilityFusion(nn.Module):
    r"""Fuses two networks' class probabilities pixel by pixel, with weights that sum to 1.

    .. math:: P = w_1 \mathrm{softmax}(Z_1) + w_2 \mathrm{softmax}(Z_2)

    ``mean``: :math:`w_k = 1/2`. ``confidence``: :math:`w_k \propto 1 - H(P_k) / \log C` with the entropy :math:`H`, 1/2
    each where both are uniform. ``learned``: the softmax of what two convolutions make of both probabilities; they
    start at 1/2 and are trained on labels with both networks frozen.

    Args:
        kind: one of the three.
        num_classes: C.
        width: channels between the two convolutions of ``learned``.
    """

    def __init__(self, kind: str = "mean", num_classes: int = 2, width: int = 32):
        super().__init__()
        if kind not in FUSIONS:
            raise ConfigError(f"expected fusion {FUSIONS} but found {kind!r}{did_you_mean(str(kind), FUSIONS)}")
        self.kind, self.num_classes = kind, num_classes
        if kind == "learned":
            self.weigh = nn.Sequential(
                nn.Conv2d(2 * num_classes, width, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(width, 2, 1)
            )
            nn.init.zeros_(self.weigh[-1].weight)
            nn.init.zeros_(self.weigh[-1].bias)

    def weights(self, first: Tensor, second: Tensor) -> Tensor:
        """The shares ``[B, 2, H, W]`` of two maps of probabilities ``[B, C, H, W]``."""
        if self.kind == "mean":
            return torch.full_like(first[:, :2], 0.5)
        if self.kind == "learned":
            return self.weigh(torch.cat((first, second), 1)).softmax(1)
        entropy = [-(p * p.clamp_min(_TINY).log()).sum(1, keepdim=True) for p in (first, second)]
        sure = [(1 - each / math.log(self.num_classes)).clamp_min(0) + _TINY for each in entropy]
        return torch.cat(sure, 1) / sum(sure)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse class scores; the coarser map is interpolated to the other's grid.

        Args:
            first: class scores ``[B, C, H, W]`` of one network.
            second: ``[B, C, h, w]`` of the other.

        Returns:
            Logarithms of the fused probabilities ``[B, C, H, W]`` in float32: scores whose softmax they are.
        """
        size = max(first.shape[-2:], second.shape[-2:])
        resized = (F.interpolate(each.float(), size, mode="bilinear", align_corners=False) for each in (first, second))
        first, second = (each.softmax(1) for each in resized)
        weights = self.weights(first, second)
        return (weights[:, :1] * first + weights[:, 1:] * second).clamp_min(_TINY).log()


@MODELS.register_module()
class TwoBranchSegmentor(BaseSegmentor):
    """Two frozen segmentation networks that answer as one [0].

    As a teacher its taps are ``fusion`` (scores of the fused probabilities), ``cnn.…`` and ``transformer.…``. It is a
    model of mmseg: it can be evaluated, and with ``fusion='learned'`` trained, which trains the fusion alone.

    A reconstruction: the paper's abstract says that its teacher uses a CNN and a transformer branch jointly; how they
    are joined could not be read.

    Args:
        cnn: ``config`` and ``checkpoint`` as of a `common.distiller.Distiller`'s teacher.
        transformer: the same.
        fusion: ``'mean'``, ``'confidence'`` or ``'learned'``; see `ProbabilityFusion`.
        data_preprocessor: of the images it is given; each branch sees them normalised its own way.
        train_cfg: mmseg's.
        test_cfg: mmseg's.

    Raises:
        ConfigError: for branches with different numbers of classes.

    [0] Wang, Yuan, Zhou and Wang, Spatial-temporal consistency knowledge distillation for real-time semantic
    segmentation, YAC 2022.
    """

    def __init__(
        self,
        cnn: Mapping[str, Any],
        transformer: Mapping[str, Any],
        fusion: str = "mean",
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ):
        super().__init__(data_preprocessor=data_preprocessor)
        self.train_cfg, self.test_cfg = train_cfg, test_cfg
        self.cnn = build_teacher("cnn", cnn).model
        self.transformer = build_teacher("transformer", transformer).model
        classes = [branch.num_classes for branch in (self.cnn, self.transformer)]
        if classes[0] != classes[1]:
            raise ConfigError(f"expected two branches of the same classes but found {classes[0]} and {classes[1]}")
        self.num_classes = self.out_channels = classes[0]
        self.align_corners = False
        self.fusion = ProbabilityFusion(fusion, self.num_classes)
        self._conversions = [
            input_conversion(self.data_preprocessor, branch.data_preprocessor)
            for branch in (self.cnn, self.transformer)
        ]

    @property
    def with_auxiliary_head(self) -> bool:
        """No branch's auxiliary head is trained."""
        return False

    def init_weights(self) -> None:
        """The branches have theirs, and the fusion starts at one half."""

    def train(self, mode: bool = True) -> TwoBranchSegmentor:
        """The branches stay in eval mode."""
        super().train(mode)
        self.cnn.eval()
        self.transformer.eval()
        return self

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Both branches' class scores."""
        given = [convert(inputs) if convert else inputs for convert in self._conversions]
        with torch.no_grad():
            return [
                branch(images, mode="tensor")
                for branch, images in zip((self.cnn, self.transformer), given, strict=True)
            ]

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> Tensor:
        return self.fusion(*self.extract_feat(inputs))

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Fused scores at the size of the images."""
        size = batch_img_metas[0].get("pad_shape", inputs.shape[-2:])[:2] if batch_img_metas else inputs.shape[-2:]
        return F.interpolate(self._forward(inputs), size, mode="bilinear", align_corners=False)

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """Cross-entropy of the fused probabilities; 255 is ignored.

        Raises:
            ConfigError: if there is nothing to train.
        """
        if self.fusion.kind != "learned":
            raise ConfigError(
                f"expected fusion='learned' to train but found {self.fusion.kind!r}, which has no weights"
            )
        labels = torch.stack([sample.gt_sem_seg.data.squeeze(0) for sample in data_samples]).long()
        scores = F.interpolate(self._forward(inputs), labels.shape[-2:], mode="bilinear", align_corners=False)
        return {"loss_fusion": F.nll_loss(scores.log_softmax(1), labels, ignore_index=255)}

    def predict(self, inputs: Tensor, data_samples: list | None = None) -> list:
        """Label maps at the size of the original images, as mmseg's networks give them."""
        metas = [sample.metainfo for sample in data_samples] if data_samples else []
        return self.postprocess_result(self.encode_decode(inputs, metas), data_samples)
