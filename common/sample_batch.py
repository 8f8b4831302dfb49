"""Batches of samples of one shape, kept in one piece.

A batch of small samples costs more to take apart, move and put together than many a network takes to learn from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.registry import FUNCTIONS
from mmengine.structures import BaseDataElement
from torch import Tensor


class SampleBatch(BaseDataElement):
    """What the samples of a batch carry beside their inputs, each field a tensor with a first axis B.

    It moves to a device in one copy for each field, and can be indexed and gone through as the list of B samples.
    """

    def __len__(self) -> int:
        return len(next(iter(self.values()), ()))

    def __getitem__(self, position: int) -> BaseDataElement:
        if not -len(self) <= position < len(self):
            raise IndexError(position)
        return BaseDataElement(**{name: values[position] for name, values in self.items()})

    def __iter__(self) -> Iterator[BaseDataElement]:
        return (self[position] for position in range(len(self)))


class LoadedTogether(Sequence):
    """Samples that a data set read at once: what ``__getitems__`` returns, whole for `join_samples`.

    Args:
        inputs: ``(B, *)``.
        fields: of the `SampleBatch`, each ``(B, *)``.
    """

    def __init__(self, inputs: Tensor, **fields: Tensor):
        self.inputs = inputs
        self.samples = SampleBatch(**fields)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return {"inputs": self.inputs[position], "data_samples": self.samples[position]}


@FUNCTIONS.register_module()
def join_samples(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Collate samples of one shape: ``inputs`` ``(B, *)`` and ``data_samples``, a `SampleBatch`.

    Args:
        items: samples with ``inputs``, a tensor, and ``data_samples``, a data element of tensors alone.
    """
    if isinstance(items, LoadedTogether):
        return {"inputs": items.inputs, "data_samples": items.samples}
    samples = [item["data_samples"] for item in items]
    fields = {name: torch.stack([getattr(sample, name) for sample in samples]) for name, _ in samples[0].items()}
    return {"inputs": torch.stack([item["inputs"] for item in items]), "data_samples": SampleBatch(**fields)}
