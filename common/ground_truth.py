"""Ground truth of a batch of the engine's data samples, by field name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement, InstanceData, LabelData, PixelData

from common.errors import ConfigError, did_you_mean
from common.sample_batch import SampleBatch


def ground_truth(data_samples: Sequence[BaseDataElement], name: str) -> Any:
    """The field ``name`` of every sample, joined over the batch.

    Args:
        data_samples: of the images.
        name: a field, a field of a field (``'gt_instances.bboxes'``), or a piece of metadata (``'img_shape'``).

    Returns:
        Label maps as ``(B, H, W)`` integers; image labels or tensors stacked along a new first dimension. A list by
        image of what instances hold, whose number differs by image, of tensors of several shapes, and of anything
        else (sizes of images).

    Raises:
        ConfigError: if a sample has no such field.
    """
    if isinstance(data_samples, SampleBatch):
        return _field(data_samples, name)
    values = [_field(sample, name) for sample in data_samples]
    if isinstance(values[0], PixelData):
        maps = torch.stack([value.data for value in values])
        return maps.squeeze(1) if maps.shape[1] == 1 else maps
    if isinstance(values[0], LabelData):
        return torch.stack([value.label for value in values])
    owner = name.rpartition(".")[0]
    of_instances = owner and isinstance(_field(data_samples[0], owner), InstanceData)
    if isinstance(values[0], torch.Tensor) and not of_instances and len({value.shape for value in values}) == 1:
        return torch.stack(values)
    return values


def _field(sample: BaseDataElement, name: str) -> Any:
    value = sample
    for step in name.split("."):
        known = list(value.all_keys()) if isinstance(value, BaseDataElement) else []
        if step not in known:
            raise ConfigError(
                f"the samples have no ground truth {name!r}; they have {', '.join(known)}{did_you_mean(step, known)}"
            )
        value = getattr(value, step)
    return value
