"""A blank batch, to find what shapes a classifier's taps have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from common.classification.model import class_sample
from common.registry import EXAMPLES


@EXAMPLES.register_module(name="ClassExample")
def class_example(model: nn.Module, shape: Sequence[int], batch: int = 2) -> dict[str, Any]:
    """Zeros ``(batch, *shape)``, all of class 0."""
    return {"inputs": torch.zeros(batch, *shape), "data_samples": [class_sample(0, i) for i in range(batch)]}
