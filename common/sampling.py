"""Training data whose order and augmentation depend on the seed and the position in the run alone.

With these, a resumed run sees what an undisturbed one would have seen, any number of workers gives the same
batches, and N processes together see the samples of one process with N times the batch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.registry import DATA_SAMPLERS, DATASETS

from common.errors import DataError


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Seed Python, NumPy and torch for the block, and put their states back after it."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    words = np.random.SeedSequence(entropy).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed(int(words[2]))
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


@DATA_SAMPLERS.register_module()
class SeededSampler(InfiniteSampler):
    """The engine's infinite sampler, yielding ``(index, seed, position)`` for `SeededDataset`.

    The position counts samples over all processes from the start of training. A data set whose samples should not all
    be seen equally often has an attribute ``weights``, a number for each: they are then drawn in proportion to it, with
    replacement.

    Raises:
        DataError: if there are no samples.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None):
        if len(dataset) == 0:
            raise DataError("expected training samples but found an empty data set; check data_root and its folders")
        weights = getattr(dataset, "weights", None)
        self.weights = None if weights is None else torch.as_tensor(weights, dtype=torch.float64)
        super().__init__(dataset, shuffle, seed)

    def _infinite_indices(self) -> Iterator[int]:
        if self.weights is None or not self.shuffle:
            yield from super()._infinite_indices()
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            yield from torch.multinomial(self.weights, self.size, replacement=True, generator=generator).tolist()

    def _indices_of_rank(self) -> Iterator[tuple[int, int, int]]:
        for position, index in enumerate(self._infinite_indices()):
            if position % self.world_size == self.rank:
                yield index, self.seed, position


@DATASETS.register_module()
class SeededDataset:
    """Wraps a dataset so that each sample's random augmentation follows from (seed, position) alone.

    Args:
        dataset: config of the dataset, or the dataset itself. One that draws no random numbers may say so with an
            attribute ``deterministic``, which saves the seeding; its ``__getitems__``, if it has one, is then used.
    """

    def __init__(self, dataset: Any):
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    @property
    def metainfo(self) -> dict:
        """The wrapped dataset's classes and palette."""
        return self.dataset.metainfo

    @property
    def weights(self) -> Sequence[float] | None:
        """How often the wrapped dataset wants its samples drawn; see `SeededSampler`."""
        return getattr(self.dataset, "weights", None)

    def full_init(self) -> None:
        """Initialise the wrapped dataset."""
        self.dataset.full_init()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, item: int | tuple[int, int, int]) -> Any:
        if not isinstance(item, tuple):
            return self.dataset[item]
        index, seed, position = item
        if getattr(self.dataset, "deterministic", False):  # seeding costs more than reading a small sample
            return self.dataset[index]
        with seeded(seed, position):
            return self.dataset[index]

    def __getitems__(self, items: Sequence[int | tuple[int, int, int]]) -> Sequence[Any]:
        """The samples of a batch, which a data set that draws no random numbers may read together."""
        read = getattr(self.dataset, "__getitems__", None)
        if read is None or not getattr(self.dataset, "deterministic", False):
            return [self[item] for item in items]
        return read([item[0] if isinstance(item, tuple) else item for item in items])
