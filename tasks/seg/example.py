"""A batch of blank images with labels, to find what shapes a segmentation network's taps have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import nn

from common.registry import EXAMPLES
from common.views import FLOW, FRAME


@EXAMPLES.register_module(name="SegExample")
def seg_example(
    model: nn.Module, size: tuple[int, int] = (128, 128), batch: int = 2, views: Sequence[str] = ()
) -> dict[str, Any]:
    """Zero images ``(batch, 3, H, W)`` with all-zero label maps ``gt_sem_seg`` of ``size`` = (H, W).

    For each of ``views`` there is such a frame too, with a flow of 0 to it (`common.views`).
    """
    sample = {"img_shape": size, "ori_shape": size, "pad_shape": size}
    samples = [
        SegDataSample(gt_sem_seg=PixelData(data=torch.zeros(1, *size, dtype=torch.long)), metainfo=sample)
        for _ in range(batch)
    ]
    for each in samples:
        for view in views:
            each.set_field(PixelData(data=torch.zeros(3, *size)), f"{FRAME}{view}", dtype=PixelData)
            each.set_field(PixelData(data=torch.zeros(2, *size)), f"{FLOW}{view}", dtype=PixelData)
    return {"inputs": torch.zeros(batch, 3, *size), "data_samples": samples}
