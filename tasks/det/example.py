"""A batch of blank images with boxes, to find what shapes a detector's taps have."""

from __future__ import annotations

from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import nn

from common.registry import EXAMPLES


@EXAMPLES.register_module(name="DetExample")
def det_example(model: nn.Module, size: tuple[int, int] = (256, 256), batch: int = 2) -> dict[str, Any]:
    """Zero images ``(batch, 3, H, W)`` of ``size`` = (H, W) with one box each, of the first class."""
    height, width = size
    box = torch.tensor([[width / 4, height / 4, width / 2, height / 2]])
    shape = {"img_shape": size, "ori_shape": size, "pad_shape": size, "batch_input_shape": size}
    samples = [
        DetDataSample(
            gt_instances=InstanceData(bboxes=box, labels=torch.zeros(1, dtype=torch.long)),
            ignored_instances=InstanceData(bboxes=box[:0], labels=torch.zeros(0, dtype=torch.long)),
            metainfo={**shape, "scale_factor": (1.0, 1.0)},
        )
        for _ in range(batch)
    ]
    return {"inputs": torch.zeros(batch, 3, *size), "data_samples": samples}
