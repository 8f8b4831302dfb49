"""Samples in one piece behave as the list of them."""

import itertools

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS
from torch.utils.data import DataLoader, Dataset

from common.classification.model import class_sample
from common.errors import ConfigError
from common.ground_truth import ground_truth
from common.sample_batch import LoadedTogether, SampleBatch, join_samples
from common.sampling import SeededDataset, SeededSampler


def together(count=3):
    inputs = torch.arange(4.0 * count).view(count, 2, 2)
    return LoadedTogether(inputs, gt_label=torch.arange(count), gt_index=10 + torch.arange(count))


def test_batch_is_indexed_and_gone_through_as_its_samples():
    batch = together().samples
    assert len(batch) == 3
    assert [sample.gt_index.item() for sample in batch] == [10, 11, 12]
    assert batch[-1].gt_label.item() == 2
    with pytest.raises(IndexError):
        batch[3]
    assert len(SampleBatch()) == 0


def test_batch_moves_and_changes_type_in_one_piece():
    moved = together().samples.to(torch.float64)
    assert isinstance(moved, SampleBatch)
    assert moved.gt_label.dtype == torch.float64
    assert len(moved) == 3


def test_ground_truth_of_a_batch_is_that_of_its_samples():
    batch = together().samples
    assert torch.equal(ground_truth(batch, "gt_index"), ground_truth(list(batch), "gt_index"))
    with pytest.raises(ConfigError, match=r"'gt_lable'; they have gt_.*; did you mean 'gt_label'"):
        ground_truth(batch, "gt_lable")


def test_samples_read_together_and_one_by_one_are_joined_alike():
    loaded = together()
    for items in (loaded, list(loaded)):
        joined = join_samples(items)
        assert torch.equal(joined["inputs"], loaded.inputs)
        assert joined["data_samples"].gt_index.tolist() == [10, 11, 12]
    engine = pseudo_collate(loaded)
    assert torch.equal(torch.stack(engine["inputs"]), loaded.inputs)
    assert [sample.gt_label.item() for sample in engine["data_samples"]] == [0, 1, 2]


def test_samples_of_other_data_sets_are_joined_too():
    joined = join_samples([{"inputs": torch.zeros(1, 2), "data_samples": class_sample(4, 7)}] * 2)
    assert joined["inputs"].shape == (2, 1, 2)
    assert joined["data_samples"].gt_label.tolist() == [4, 4]


def test_configs_know_it_by_name():
    assert FUNCTIONS.get("join_samples") is join_samples


class Batched(Dataset):
    """Reads together what it is asked for, and counts how often it is asked."""

    deterministic = True
    metainfo = {}  # noqa: RUF012
    calls = 0

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        self.calls += 1
        return LoadedTogether(torch.tensor(indices)[:, None].float(), gt_index=torch.tensor(indices))


@pytest.mark.parametrize(("deterministic", "calls"), [(True, 1), (False, 4)])
def test_seeded_data_is_read_together_where_nothing_is_random(deterministic, calls):
    data = SeededDataset(Batched())
    data.dataset.deterministic = deterministic
    loader = DataLoader(data, 4, sampler=SeededSampler(data, seed=3), collate_fn=join_samples)
    batch = next(iter(loader))
    assert data.dataset.calls == calls
    expected = [index for index, _, _ in itertools.islice(SeededSampler(data, seed=3), 4)]
    assert batch["data_samples"].gt_index.tolist() == expected
    assert batch["inputs"][:, 0].tolist() == batch["data_samples"].gt_index.tolist()
