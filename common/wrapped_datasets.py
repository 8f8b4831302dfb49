"""What a config's wrappers around data sets hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def innermost_datasets(dataset: Mapping) -> Iterator[Mapping]:
    """The data sets inside wrappers that repeat, join or mix them.

    >>> list(innermost_datasets({"type": "RepeatDataset", "dataset": {"type": "CamVidDataset"}}))
    [{'type': 'CamVidDataset'}]
    """
    if not {"datasets", "dataset"} & set(dataset):
        yield dataset
        return
    for one in dataset["datasets"] if "datasets" in dataset else [dataset["dataset"]]:
        yield from innermost_datasets(one)
