"""A blank batch, to find what shapes a network's taps have."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from common.registry import EXAMPLES
from common.sample_batch import SampleBatch


@EXAMPLES.register_module(name="FaceExample")
def face_example(model: nn.Module, size: int = 64, batch: int = 2) -> dict[str, Any]:
    """Black images ``(batch, 3, size, size)`` of faces whose points are all in the middle."""
    points = torch.zeros(batch, 2 * model.network.num_points)
    samples = SampleBatch(gt_points=points, gt_soft=points, gt_index=torch.zeros(batch, dtype=torch.int64))
    return {"inputs": torch.zeros(batch, 3, size, size), "data_samples": samples}
