"""Which frames train, choose and test."""

import json
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch

from common.errors import ConfigError, DataError
from tasks.amr.splits import PARTS, Split, build_split

CELLS = {(mod, snr): 1000 for mod in ("BPSK", "QPSK", "WBFM") for snr in (-20, 0, 18)}


def numbers(split, cell):
    return [split.frames(part, *cell) for part in PARTS]


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("60/20/20", 1000, (600, 200, 200)),  # 2016.10A
        ("60/20/20", 6000, (3600, 1200, 1200)),  # 2016.10B
        ("60/20/20", 4096, (2458, 819, 819)),  # 2018.01A: 2457.6 and 3276.8 rounded
        ("35/15/50", 1000, (350, 150, 500)),
        ("100/0/0", 7, (7, 0, 0)),
    ],
)
def test_each_cell_is_cut_at_the_percentages(name, count, expected):
    parts = numbers(Split({("BPSK", 0): count}, name), ("BPSK", 0))
    assert tuple(map(len, parts)) == expected
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))


def test_cells_are_shuffled_each_in_its_own_way():
    split = Split(CELLS)
    train = [split.frames("train", *cell).tolist() for cell in CELLS]
    assert all(one != other for one, other in pairwise(train))
    assert train[0] != sorted(train[0])
    shared = len(set(train[0]) & set(train[1]))
    assert 320 < shared < 400  # 360 on average of 600 out of 1000, standard deviation 7.6


def test_a_subset_of_classes_and_snrs_is_divided_as_the_whole():
    few = {("QPSK", 18): 1000, ("BPSK", -20): 1000}
    for cell in few:
        for one, other in zip(numbers(Split(CELLS), cell), numbers(Split(few), cell), strict=True):
            np.testing.assert_array_equal(one, other)


def test_seed_changes_the_split():
    assert Split(CELLS, seed=1).fingerprint != Split(CELLS, seed=2).fingerprint
    assert Split(CELLS, seed=1).fingerprint == Split(CELLS, seed=1).fingerprint


def test_order_of_the_cells_does_not_matter():
    assert Split(dict(reversed(CELLS.items()))).fingerprint == Split(CELLS).fingerprint


def test_a_split_comes_back_from_json_and_from_a_checkpoint(tmp_path):
    split = Split(CELLS, "35/15/50", seed=7)
    torch.save({"meta": {"split": split.as_dict()}}, tmp_path / "a.pth")
    stored = torch.load(tmp_path / "a.pth", weights_only=True)["meta"]["split"]
    for again in (Split.from_dict(json.loads(json.dumps(split.as_dict()))), Split.from_dict(stored)):
        assert again.fingerprint == split.fingerprint
        assert again.cells == split.cells
        for cell in CELLS:
            np.testing.assert_array_equal(again.frames("test", *cell), split.frames("test", *cell))


@pytest.mark.parametrize("change", [{"seed": 8}, {"name": "60/20/20"}, {"cells": [["BPSK", 0, 10]]}])
def test_a_split_that_was_changed_is_refused(change):
    stored = Split(CELLS, "35/15/50", seed=7).as_dict() | change
    with pytest.raises(DataError, match=r"with fingerprint .* but found"):
        Split.from_dict(stored)


def test_a_stored_split_that_lacks_an_entry_is_refused():
    stored = Split(CELLS).as_dict()
    del stored["seed"]
    with pytest.raises(DataError, match="but found no seed"):
        Split.from_dict(stored)


def test_draw_is_of_the_stream_that_numpy_keeps_for_good():
    """RandomState, seeded by the split's seed, CRC-32 of the name, and the SNR modulo 2**32."""
    words = np.random.SeedSequence([2016, zlib.crc32(b"BPSK"), 2**32 - 20]).generate_state(4)
    expected = np.random.RandomState(words).permutation(1000)
    np.testing.assert_array_equal(np.concatenate(numbers(Split(CELLS), ("BPSK", -20))), expected)


def test_the_challenge_of_itu_is_split_as_its_notebook_does():
    """Lists of row numbers, shuffled cell after cell by one stream; the first 410 of 4096 are for testing."""
    cells = {(f"class {mod:02}", snr): 4096 for mod in range(24) for snr in range(-20, 31, 2)}
    split = Split(cells, "itu-2018")
    random = np.random.RandomState(2018)
    for number, cell in enumerate(list(cells)[:40]):
        rows = list(range(4096 * number, 4096 * (number + 1)))
        random.shuffle(rows)
        np.testing.assert_array_equal(split.frames("test", *cell), np.array(rows[:410]) - 4096 * number)
        np.testing.assert_array_equal(split.frames("train", *cell), np.array(rows[410:]) - 4096 * number)
        assert len(split.frames("val", *cell)) == 0
    assert split.parts == ("train", "test")


@pytest.mark.parametrize(
    ("name", "parts"), [("60/20/20", PARTS), ("75/0/25", ("train", "test")), ("100/0/0", ("train",))]
)
def test_parts_are_those_with_a_share(name, parts):
    assert Split(CELLS, name).parts == parts


def test_the_challenge_of_itu_is_about_the_whole_set():
    with pytest.raises(DataError, match=r"624 cells of 4096 frames .* but found 9 cells of \[1000\] frames"):
        Split(CELLS, "itu-2018")


@pytest.mark.parametrize("name", ["60/20", "60/20/30", "stratified", "60/20/20/0", ""])
def test_unknown_names_are_refused(name):
    with pytest.raises(ConfigError, match=r"percentages train/val/test that sum to 100, such as '60/20/20'"):
        Split(CELLS, name)


def test_unknown_part_is_refused():
    with pytest.raises(ConfigError, match="'train', 'val', 'test' but found 'validation'"):
        Split(CELLS).frames("validation", "BPSK", 0)


def test_configs_name_a_split_or_give_a_stored_one():
    split = Split(CELLS, "35/15/50", seed=3)
    for settings in (split, split.as_dict(), {"name": "35/15/50", "seed": 3}):
        assert build_split(settings, CELLS, "a file").fingerprint == split.fingerprint
    assert build_split("60/20/20", CELLS, "a file").fingerprint == Split(CELLS).fingerprint
    with pytest.raises(ConfigError, match="name and seed of a split but found 'sead'"):
        build_split({"name": "60/20/20", "sead": 3}, CELLS, "a file")


def test_a_stored_split_of_another_file_is_refused():
    other = {**CELLS, ("QPSK", 0): 999}
    with pytest.raises(DataError, match=r"1000 frames of QPSK at 0 dB, .* but found 999 in b\.h5"):
        build_split(Split(CELLS).as_dict(), other, "b.h5")
    with pytest.raises(DataError, match=r"0 frames of GFSK at 0 dB, .* but found 5 in b\.h5"):
        build_split(Split(CELLS), {**CELLS, ("GFSK", 0): 5}, "b.h5")
