"""Ground truth of a batch of the engine's data samples, by field name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement, LabelData, PixelData

from common.errors import ConfigError, did_you_mean
from common.sample_batch import SampleBatch


def ground_truth(data_samples: Sequence[BaseDataElement], name: str) -> Any:
    """The field ``name`` of every sample, joined over the batch.

    Returns:
        Label maps as ``(B, H, W)`` integers; image labels or tensors stacked along a new first dimension; anything
        else (boxes, whose number differs by image) as a list.

    Raises:
        ConfigError: if the samples have no such field.
    """
    first = data_samples if isinstance(data_samples, SampleBatch) else data_samples[0]
    if name not in first:
        known = list(first.keys())
        raise ConfigError(
            f"the samples have no ground truth {name!r}; they have {', '.join(known)}{did_you_mean(name, known)}"
        )
    if first is data_samples:
        return getattr(data_samples, name)
    values = [getattr(sample, name) for sample in data_samples]
    if isinstance(values[0], PixelData):
        maps = torch.stack([value.data for value in values])
        return maps.squeeze(1) if maps.shape[1] == 1 else maps
    if isinstance(values[0], LabelData):
        return torch.stack([value.label for value in values])
    if isinstance(values[0], torch.Tensor):
        return torch.stack(values)
    return values
