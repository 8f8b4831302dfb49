"""Order and augmentation follow from the seed and the position in the run alone."""

import itertools
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Dataset

from common.errors import DataError
from common.sampling import SeededDataset, SeededSampler, seeded


class Noisy(Dataset):
    """Each sample is its index and a number of every kind of random generator."""

    metainfo = {"classes": ("a",)}  # noqa: RUF012

    def __init__(self, length=10):
        self.length = length

    def full_init(self):
        self.initialised = True

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return torch.tensor([index, random.random(), np.random.rand(), torch.rand(()).item()], dtype=torch.float64)


def batches(count, workers=0, skip=0, seed=3, batch=4):
    data = SeededDataset(Noisy())
    sampler = SeededSampler(data, seed=seed)
    if skip:
        sampler.skip(skip)
    loader = DataLoader(data, batch, sampler=sampler, num_workers=workers)
    return torch.cat(list(itertools.islice(loader, count)))


def test_any_number_of_workers_gives_the_same_samples():
    alone = batches(6)
    for workers in (1, 2):
        torch.manual_seed(workers)
        np.random.seed(workers)
        assert torch.equal(batches(6, workers), alone)


def test_every_visit_of_a_sample_is_augmented_anew():
    rows = batches(5)  # two rounds of ten
    first = {int(row[0]): row for row in rows[:10]}
    second = {int(row[0]): row for row in rows[10:]}
    assert first.keys() == second.keys() == set(range(10))
    assert not any((first[i][1:] == second[i][1:]).any() for i in range(10))


def drawn(weights, count, seed=0):
    data = Noisy(len(weights))
    data.weights = weights
    return [index for index, _, _ in itertools.islice(SeededSampler(SeededDataset(data), seed=seed), count)]


def test_samples_are_drawn_in_proportion_to_their_weights():
    counts = np.bincount(drawn([1.0, 3.0, 0.0, 6.0], 8000), minlength=4)
    # The standard deviation of a share is at most sqrt(0.25 / 8000).
    np.testing.assert_allclose(counts / 8000, [0.1, 0.3, 0.0, 0.6], atol=4 * np.sqrt(0.25 / 8000))


def test_weighted_draws_follow_from_the_seed_and_go_on_where_they_were():
    weights = [1.0, 2.0, 3.0]
    assert drawn(weights, 50) == drawn(weights, 50) != drawn(weights, 50, seed=1)
    data = Noisy(3)
    data.weights = weights
    sampler = SeededSampler(data, seed=0)
    sampler.skip(20)
    assert [(index, position) for index, _, position in itertools.islice(sampler, 30)] == list(
        zip(drawn(weights, 50)[20:], range(20, 50), strict=True)
    )


def test_without_shuffling_weights_mean_nothing():
    data = Noisy(3)
    data.weights = [0.0, 1.0, 1.0]
    sampler = SeededSampler(data, shuffle=False, seed=0)
    assert [index for index, _, _ in itertools.islice(sampler, 4)] == [0, 1, 2, 0]


def test_seed_changes_order_and_augmentation():
    one, two = batches(3, seed=1), batches(3, seed=2)
    assert not torch.equal(one[:, 0], two[:, 0])
    assert not (one[:, 1:] == two[:, 1:]).any()


@pytest.mark.parametrize("workers", [0, 1])
def test_resumed_order_goes_on_where_it_stopped(workers):
    assert torch.equal(batches(3, workers, skip=12), batches(6)[12:])


def test_order_is_the_engines():
    ours = [index for index, _, _ in itertools.islice(SeededSampler(Noisy(), seed=5), 25)]
    assert ours == list(itertools.islice(InfiniteSampler(Noisy(), seed=5), 25))


def test_two_processes_share_the_samples_of_one_with_twice_the_batch(monkeypatch):
    alone = list(itertools.islice(SeededSampler(Noisy(), seed=5), 8))
    shared = []
    for rank in range(2):
        monkeypatch.setattr("mmengine.dataset.sampler.get_dist_info", lambda rank=rank: (rank, 2))
        shared.append(list(itertools.islice(SeededSampler(Noisy(), seed=5), 4)))
    assert sorted(shared[0] + shared[1]) == sorted(alone)
    for step in range(2):  # batches of 2 and 2 make up the batch of 4
        two = shared[0][2 * step : 2 * step + 2] + shared[1][2 * step : 2 * step + 2]
        assert sorted(two) == sorted(alone[4 * step : 4 * step + 4])


def test_seeding_is_undone_after_the_block_even_by_an_error():
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()

    def fails():
        with seeded(1, 2):
            random.random(), np.random.rand(), torch.rand(1)
            raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])


def test_plain_index_is_not_seeded():
    data = SeededDataset(Noisy())
    assert data[3][0] == data[np.int64(3)][0] == 3
    assert data[3][1] != data[3][1]


def test_wrapper_shows_the_datasets_length_and_classes():
    data = SeededDataset(Noisy(7))
    data.full_init()
    assert len(data) == 7
    assert data.metainfo == {"classes": ("a",)}
    assert data.dataset.initialised


def test_empty_data_set_is_an_error_rather_than_an_endless_search():
    with pytest.raises(DataError, match="found an empty data set; check data_root"):
        SeededSampler(Noisy(0), seed=1)
