"""A blank batch, to find what shapes a network's taps have."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from common.registry import EXAMPLES
from common.sample_batch import SampleBatch


@EXAMPLES.register_module(name="SignalExample")
def signal_example(model: nn.Module, length: int | None = None, batch: int = 2) -> dict[str, Any]:
    """Silent frames ``(batch, 2, length)``, all of class 0 at 0 dB; of the length that the model's network takes."""
    length = model.network.length if length is None else length
    nothing = torch.zeros(batch, dtype=torch.int64)
    samples = SampleBatch(gt_label=nothing, gt_index=nothing, gt_snr=nothing.float())
    return {"inputs": torch.zeros(batch, 2, length), "data_samples": samples}
