"""A batch of blank images with labels, to find what shapes a segmentation network's taps have."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from common.registry import EXAMPLES


@EXAMPLES.register_module(name="SegExample")
def seg_example(model: nn.Module, size: tuple[int, int] = (128, 128), batch: int = 2) -> dict[str, Any]:
    """Zero images ``(batch, 3, H, W)`` with all-zero label maps ``gt_sem_seg`` of ``size`` = (H, W)."""
    sample = {"img_shape": size, "ori_shape": size, "pad_shape": size}
    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, *size, dtype=torch.long)), metainfo=sample)
        for _ in range(batch)
    ]
    return {"inputs": torch.zeros(batch, 3, *size), "data_samples": samples}
