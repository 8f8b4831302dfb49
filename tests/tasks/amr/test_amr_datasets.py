"""The published sets and generated ones as datasets."""

import json
import os
import pickle
import tarfile

import h5py
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader

from common.errors import ConfigError, DataError
from common.ground_truth import ground_truth
from common.sample_batch import join_samples
from common.sampling import SeededDataset, SeededSampler
from data_prep.amr.generate import generate
from data_prep.amr.recipe import Extent, make_recipe
from tasks.amr.datasets import RML22, RML2016A, RML2016B, RML2018A, SignalDataset

MODS_10A = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]


def numbered(mods, snrs, count, length=128):
    """Frames whose first sample says which they are: I = row of the file, Q = SNR."""
    cells, row = {}, 0
    for mod in sorted(mods):
        for snr in sorted(snrs):
            frames = np.zeros((count, 2, length), np.float32)
            frames[:, 0, 0], frames[:, 1, 0] = np.arange(row, row + count), snr
            cells[mod, snr] = frames
            row += count
    return cells


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where pickles are converted to, by default: in the working directory."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here" / "data" / "cache"


@pytest.fixture
def folder(tmp_path):
    """2016.10A in small, ten frames in each of two SNRs, written as it is published."""
    cells = numbered(MODS_10A, (-20, 18), 10)
    (tmp_path / "RML2016.10a_dict.pkl").write_bytes(pickle.dumps(cells, 2))
    return tmp_path


def test_the_published_archive_is_taken_where_nobody_unpacked_it(folder):
    unpacked = RML2016A(str(folder), part="all")[75]["inputs"]
    with tarfile.open(folder / "RML2016.10a.tar.bz2", "w:bz2") as archive:
        archive.add(folder / "RML2016.10a_dict.pkl", "RML2016.10a_dict.pkl")
    (folder / "RML2016.10a_dict.pkl").unlink()
    assert torch.equal(RML2016A(str(folder), part="all")[75]["inputs"], unpacked)


def test_sample_is_a_frame_with_label_snr_and_index(folder):
    dataset = RML2016A(str(folder), part="all")
    assert len(dataset) == 220
    sample = dataset[75]  # cells of ten: number 7, the second SNR of the fourth class
    assert sample["inputs"].dtype == torch.float32
    assert sample["inputs"].shape == (2, 128)
    assert sample["inputs"][:, 0].tolist() == [75, 18]
    truth = sample["data_samples"]
    assert dataset.metainfo["classes"][truth.gt_label] == "BPSK"
    assert (truth.gt_label.dtype, truth.gt_snr.item(), truth.gt_index.item()) == (torch.int64, 18.0, 75)


def test_ground_truth_of_a_batch_is_joined_for_losses(folder):
    samples = [dict_["data_samples"] for dict_ in RML2016A(str(folder), part="all").__getitems__([0, 10, 219])]
    assert ground_truth(samples, "gt_label").tolist() == [0, 0, 10]
    assert ground_truth(samples, "gt_snr").tolist() == [-20, 18, 18]
    assert ground_truth(samples, "gt_index").tolist() == [0, 10, 219]


def test_parts_are_disjoint_complete_and_have_their_share_of_every_cell(folder):
    parts = [RML2016A(str(folder), part=part) for part in ("train", "val", "test")]
    assert [len(part) for part in parts] == [132, 44, 44]
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(220))
    for part, count in zip(parts, (6, 2, 2), strict=True):
        cells = np.unique(np.stack([part.labels, part.snr_labels]), axis=1, return_counts=True)[1]
        assert cells.tolist() == [count] * 22


def test_classes_are_numbered_in_the_order_asked_for(folder):
    dataset = RML2016A(str(folder), part="all", mods=("QPSK", "8PSK"), snrs=[18])
    assert dataset.metainfo["classes"] == ("QPSK", "8PSK")
    assert dataset.metainfo["snrs"] == [18]
    assert len(dataset) == 20
    rows = dataset.frames()[:, 0, 0]
    np.testing.assert_array_equal(dataset.labels[rows == 10], [1])  # row 10 is the first 8PSK at 18 dB
    assert dataset.labels.tolist() == [1] * 10 + [0] * 10


def test_frames_of_a_class_are_in_the_same_part_whatever_else_is_read(folder):
    everything = RML2016A(str(folder), part="test")
    few = RML2016A(str(folder), part="test", mods=("BPSK", "WBFM"), snrs=(-20,))
    assert set(few.rows.tolist()) <= set(everything.rows.tolist())
    assert len(few) == 4


def test_fewer_frames_of_each_cell_are_of_the_same_part(folder):
    everything = RML2016A(str(folder), part="train")
    few = RML2016A(str(folder), part="train", frames_per_cell=2)
    assert len(few) == 2 * 22
    assert set(few.rows.tolist()) < set(everything.rows.tolist())


def test_pickle_is_converted_once_and_not_beside_it(folder, cache):
    first = RML2016A(str(folder), part="train")
    assert sorted(path.name for path in folder.iterdir()) == ["RML2016.10a_dict.pkl", "here"]
    (converted,) = cache.iterdir()
    written = converted.stat().st_mtime_ns
    np.testing.assert_array_equal(RML2016A(str(folder), part="train").frames(), first.frames())
    assert converted.stat().st_mtime_ns == written


def test_converted_file_goes_where_it_is_told_and_can_be_read_as_it_is(folder, tmp_path):
    first = RML2016A(str(folder), cache=str(tmp_path / "other"), part="train")
    (converted,) = (tmp_path / "other").iterdir()
    (folder / "RML2016.10a_dict.pkl").unlink()
    again = RML2016A(str(tmp_path / "other"), converted.name, part="train")
    np.testing.assert_array_equal(again.frames(), first.frames())
    assert again.fingerprint == first.fingerprint


def test_changed_pickle_is_converted_again(folder):
    RML2016A(str(folder), part="train")
    cells = numbered(MODS_10A, (-20, 18), 5)
    (folder / "RML2016.10a_dict.pkl").write_bytes(pickle.dumps(cells, 2))
    assert len(RML2016A(str(folder), part="all")) == 110


def test_conversion_of_an_older_version_is_made_again(tmp_path, cache):
    generate(tmp_path / "a.pkl", make_recipe("clean", length=8), Extent(("BPSK",), (0,), 5), workers=1)
    options = {"data_root": str(tmp_path), "ann_file": "a.pkl", "part": "train"}
    SignalDataset(**options)
    (converted,) = cache.iterdir()
    with h5py.File(converted, "a") as file:  # as it was before it had versions, and rates
        for name in ("version", "sample_rate", "samples_per_symbol"):
            del file.attrs[name]
    assert SignalDataset(**options).metainfo["sample_rate"] == 200e3


def test_record_that_comes_later_is_read(tmp_path):
    generate(tmp_path / "a.pkl", make_recipe("clean", length=8), Extent(("BPSK",), (0,), 5), workers=1)
    record = (tmp_path / "a.pkl.json").read_text()
    (tmp_path / "a.pkl.json").unlink()
    assert "sample_rate" not in SignalDataset(str(tmp_path), "a.pkl", part="train").metainfo
    (tmp_path / "a.pkl.json").write_text(record)
    assert SignalDataset(str(tmp_path), "a.pkl", part="train").metainfo["sample_rate"] == 200e3


def test_damaged_conversion_is_made_again(folder, cache):
    first = RML2016A(str(folder), part="train")
    (converted,) = cache.iterdir()
    converted.write_bytes(converted.read_bytes()[:1000])
    np.testing.assert_array_equal(RML2016A(str(folder), part="train").frames(), first.frames())


def test_pickles_of_one_name_in_two_folders_are_told_apart(folder, tmp_path, cache):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "RML2016.10a_dict.pkl").write_bytes(pickle.dumps(numbered(MODS_10A, (0,), 5), 2))
    assert [len(RML2016A(str(at), part="all")) for at in (folder, tmp_path / "more", folder)] == [220, 55, 220]
    assert len(list(cache.iterdir())) == 2


def test_folder_that_can_not_be_written_to_is_named(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"expected to write .*file.* but found: .*; name another folder \(cache=...\)"):
        RML2016A(str(folder), cache=str(tmp_path / "file"), part="train")


def test_frames_in_memory_are_the_same(folder, cache):
    expected = RML2016A(str(folder), part="train").frames([3, 1])
    stored = RML2016A(str(folder), in_memory=True, part="train")
    os.unlink(next(cache.iterdir()))
    np.testing.assert_array_equal(stored.frames([3, 1]), expected)


def test_samples_are_joined_as_they_are_read(folder):
    dataset = RML2016A(str(folder), part="train")
    batch = join_samples(dataset.__getitems__([5, 2]))
    samples = [dataset[5], dataset[2]]
    assert torch.equal(batch["inputs"], torch.stack([sample["inputs"] for sample in samples]))
    for name in ("gt_label", "gt_snr", "gt_index"):
        assert torch.equal(
            ground_truth(batch["data_samples"], name),
            ground_truth([sample["data_samples"] for sample in samples], name),
        )


@pytest.mark.parametrize("collate", [pseudo_collate, join_samples])
@pytest.mark.parametrize("workers", [0, 1])
def test_data_loader_gives_batches_for_the_engine(folder, workers, collate):
    loader = DataLoader(RML2016A(str(folder), part="train"), 50, num_workers=workers, collate_fn=collate)
    batches = list(loader)
    assert [len(batch["inputs"]) for batch in batches] == [50, 50, 32]
    assert [len(batch["data_samples"]) for batch in batches] == [50, 50, 32]
    assert batches[0]["inputs"][7].shape == (2, 128)
    assert batches[1]["data_samples"][3].gt_index == 53


def test_order_of_training_follows_from_seed_and_position(folder):
    data = SeededDataset({"type": "RML2016A", "data_root": str(folder), "part": "train"})

    def order(position):
        sampler = SeededSampler(data, seed=4)
        sampler.skip(position)
        batch = next(iter(DataLoader(data, 8, sampler=sampler, collate_fn=join_samples)))
        return batch["data_samples"].gt_index.tolist()

    assert order(0)[5:] == order(5)[:3]
    assert order(0) != sorted(order(0))


def test_metainfo_and_split_go_into_a_checkpoint_and_come_back(folder, tmp_path):
    dataset = RML2016A(str(folder), split={"name": "35/15/50", "seed": 5}, part="train")
    torch.save({"meta": {"dataset_meta": dataset.metainfo}}, tmp_path / "a.pth")
    meta = torch.load(tmp_path / "a.pth", weights_only=True)["meta"]["dataset_meta"]
    assert json.loads(json.dumps(meta))["length"] == 128
    again = RML2016A(str(folder), part="test", split=meta["split"])
    assert not set(again.rows.tolist()) & set(dataset.rows.tolist())
    assert again.split.fingerprint == dataset.split.fingerprint


def test_fingerprint_tells_what_a_stored_teacher_output_is_of(folder, tmp_path):
    options = ({}, {"part": "val"}, {"snrs": [18]}, {"split": "50/25/25"})
    prints = {RML2016A(str(folder), **{"part": "train", **each}).fingerprint for each in options}
    cells = numbered(MODS_10A, (-20, 18), 10)
    cells["QPSK", 18][:, 1, 127] += 0.5
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed" / "RML2016.10a_dict.pkl").write_bytes(pickle.dumps(cells, 2))
    prints.add(RML2016A(str(tmp_path / "changed"), part="train").fingerprint)
    assert len(prints) == 5
    assert RML2016A(str(folder), part="train").fingerprint in prints


def test_every_set_can_be_built_by_its_name(folder):
    cfg = {"type": "RML2016A", "data_root": str(folder), "part": "train"}
    assert isinstance(DATASETS.build(cfg), RML2016A)
    assert {DATASETS.get(name) for name in ("RML2016B", "RML22", "RML2018A", "SignalDataset")} == {
        RML2016B,
        RML22,
        RML2018A,
        SignalDataset,
    }


@pytest.mark.parametrize("suffix", [".pkl", ".h5"])
def test_generated_frames_are_read(tmp_path, suffix):
    path = tmp_path / f"clean{suffix}"
    generate(path, make_recipe("clean", length=64), Extent(("QPSK", "GFSK"), (0, 10), 5), workers=1)
    dataset = SignalDataset(str(tmp_path), path.name, part="all")
    assert len(dataset) == 20
    assert set(dataset.metainfo["classes"]) == {"QPSK", "GFSK"}
    assert dataset[0]["inputs"].shape == (2, 64)
    assert dataset.metainfo["sample_rate"] == 200e3
    assert dataset.metainfo["samples_per_symbol"] == 8
    assert dataset.table.reader.is_mapped


@pytest.mark.parametrize("suffix", [".pkl", ".h5"])
def test_set_of_several_symbol_rates_tells_the_least_and_the_most(tmp_path, suffix):
    path = tmp_path / f"wide{suffix}"
    generate(path, make_recipe("wide", length=8, sps=(16, 4, 8)), Extent(("BPSK",), (0,), 60), workers=1)
    meta = SignalDataset(str(tmp_path), path.name, part="train").metainfo
    assert meta["samples_per_symbol"] == [4, 16]
    torch.save(meta, tmp_path / "meta.pth")
    assert torch.load(tmp_path / "meta.pth", weights_only=True) == meta


def test_published_sets_tell_the_rates_that_they_are_known_for(folder, tmp_path):
    def rates(dataset):
        return [dataset.metainfo.get(key) for key in ("sample_rate", "samples_per_symbol")]

    assert rates(RML2016A(str(folder), part="train")) == [200e3, 8]
    mods = [mod for mod in MODS_10A if mod != "AM-SSB"]
    (tmp_path / "RML2016.10b.dat").write_bytes(pickle.dumps(numbered(mods, (0,), 5), 2))
    assert rates(RML22(str(tmp_path), "RML2016.10b.dat", part="train")) == [30e3, 2]
    assert rates(RML2016B(str(tmp_path), part="train")) == [None, None]
    assert rates(SignalDataset(str(tmp_path), "RML2016.10b.dat", part="train")) == [None, None]


def test_what_a_file_says_of_its_rates_goes_before_what_its_set_is_known_for(tmp_path):
    recipe = make_recipe("rml2016", sps=4, sample_rate=1e6, length=8)
    generate(tmp_path / "own.pkl", recipe, Extent(tuple(MODS_10A), (0,), 5), workers=1)
    meta = RML2016A(str(tmp_path), "own.pkl", part="train").metainfo
    assert (meta["sample_rate"], meta["samples_per_symbol"]) == (1e6, 4)


def test_10b_and_rml22_have_ten_classes(tmp_path):
    mods = [mod for mod in MODS_10A if mod != "AM-SSB"]
    (tmp_path / "RML2016.10b.dat").write_bytes(pickle.dumps(numbered(mods, (0,), 5), 2))
    assert len(RML2016B(str(tmp_path), part="all").metainfo["classes"]) == 10
    assert RML22(str(tmp_path), "RML2016.10b.dat", part="all").metainfo["classes"] == tuple(mods)
    with pytest.raises(DataError, match=r"the 11 classes .*AM-SSB.* but found 10: .*; other sets are a SignalDataset"):
        RML2016A(str(tmp_path), "RML2016.10b.dat", part="train")
    assert len(SignalDataset(str(tmp_path), "RML2016.10b.dat", part="all")) == 50


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"part": "validation"}, ConfigError, "'train', 'val', 'test', 'all' but found 'validation'"),
        ({"part": "tset"}, ConfigError, "but found 'tset'; did you mean 'test'"),
        (
            {"part": None},
            ConfigError,
            "'test' or 'all' for RML2016A but found none: write which part",
        ),
        ({"mods": "QPSK"}, ConfigError, "a list for mods of RML2016A but found 'QPSK'"),
        ({"snrs": 18}, ConfigError, "a list for snrs of RML2016A but found 18"),
        ({"split": {"nam": "60/20/20"}}, ConfigError, "name and seed of a split but found 'nam'; did you mean 'name'"),
        ({"classes": ["A"] * 11}, DataError, "expected the classes 8PSK, .* names them, but found classes A, A"),
        ({"mods": ("QPSK", "16QAM")}, ConfigError, "found '16QAM'; did you mean"),
        ({"mods": ("QPSK", "QPSK")}, ConfigError, "each once"),
        ({"mods": ()}, ConfigError, "one or more mods"),
        ({"snrs": (18, 30)}, DataError, r"snrs among \[-20, 18\] dB, .* but found no frames at 30 dB"),
        ({"snrs": ()}, DataError, "found an empty list"),
        ({"frames_per_cell": 0}, ConfigError, "frames_per_cell of 1 or more but found 0"),
        ({"split": "some/of/it"}, ConfigError, "percentages"),
        ({"split": "96/2/2", "part": "val"}, DataError, r"frames in part 'val' .* found none: .* \[10\] frames"),
        ({"split": "75/0/25", "part": "val"}, ConfigError, r"'75/0/25' divides .* into train and test alone; name "),
        ({"split": "75/0/25", "part": "val"}, ConfigError, r"without validation \(--cfg-options val_dataloader=None"),
        ({"split": "100/0/0", "part": "test"}, ConfigError, r"into train alone; name another split, such as '60/.*'$"),
        ({"ann_file": "none.pkl"}, DataError, r"pickle at .*none\.pkl but found none.*; correct data_root or ann_file"),
        ({"ann_file": "none.h5"}, DataError, r"frames at .*none\.h5 but found no file"),
    ],
)
def test_what_is_not_there_is_said(folder, options, error, message):
    with pytest.raises(error, match=message):
        RML2016A(str(folder), **{"part": "train", **options})


def test_file_may_be_named_as_the_root(folder):
    path = str(folder / "RML2016.10a_dict.pkl")
    expected = RML2016A(str(folder), part="all").fingerprint
    assert SignalDataset(path, part="all").fingerprint == RML2016A(path, part="all").fingerprint == expected
    with pytest.raises(DataError, match=r"RadioML pickle at .*none\.dat but found none; correct data_root or ann_file"):
        SignalDataset(str(folder / "none.dat"), part="all")


def test_file_that_is_not_there_is_not_said_to_be_converted(folder, capfd):
    with pytest.raises(DataError, match=r"RML2016\.10a_dct\.pkl but found none; did you mean 'RML2016.10a_dict.pkl'"):
        RML2016A(str(folder), "RML2016.10a_dct.pkl", part="all")
    assert "converting" not in "".join(capfd.readouterr())


def test_hdf5_is_known_by_its_content(tmp_path):
    generate(tmp_path / "a.h5", make_recipe("clean", length=8), Extent(("BPSK",), (0,), 5), workers=1)
    (tmp_path / "a.h5").rename(tmp_path / "a.mat")
    assert len(SignalDataset(str(tmp_path), "a.mat", part="all")) == 5
    assert not (tmp_path / "here" / "data").exists()  # nothing was converted


def test_fingerprint_is_kept_until_the_file_changes(tmp_path, cache, monkeypatch):
    def unread(self, positions=None):
        raise AssertionError("all frames were read")

    path = tmp_path / "a.h5"
    generate(path, make_recipe("clean", length=8), Extent(("BPSK",), (0,), 20), workers=1)
    first = SignalDataset(str(path), part="train").fingerprint
    with monkeypatch.context() as patched:
        patched.setattr(SignalDataset, "frames", unread)
        assert SignalDataset(str(path), part="train").fingerprint == first
        with pytest.raises(AssertionError):
            SignalDataset(str(path), part="val").fingerprint  # noqa: B018
    with h5py.File(path, "a") as file:
        file["X"][:] += 1
    assert SignalDataset(str(path), part="train").fingerprint != first
    assert {name.name[:12] for name in cache.iterdir()} == {"fingerprint_"}


def test_fingerprint_needs_no_folder_to_be_kept_in(folder):
    first = RML2016A(str(folder), part="train")
    (folder / "file").write_text("")
    first.cache = str(folder / "file")
    assert first.fingerprint == RML2016A(str(folder), part="train").fingerprint


def test_metainfo_tells_what_was_generated_and_whose_part_it_is(tmp_path):
    extent = Extent(("BPSK",), (0,), 5)
    for name in ("a.h5", "b.pkl"):
        generate(tmp_path / name, make_recipe("rml2016", length=8), extent, workers=1)
    hdf5, pickled = (SignalDataset(str(tmp_path), name, part="val").metainfo for name in ("a.h5", "b.pkl"))
    assert hdf5["part"] == "val"
    assert hdf5["generated"] == pickled["generated"]
    assert hdf5["generated"]["frozen_channel"] == 0x1337


def test_dataset_without_a_file_is_refused():
    with pytest.raises(ConfigError, match="ann_file, the file of frames, for RML22 but found none"):
        RML22(part="train")


def test_real_gnu_radio_frames_are_those_of_the_pickle(shared_data, cache):
    source = shared_data / "rml2016_gnuradio" / "RML2016.10a_gnuradio.pkl"
    before = sorted(path.name for path in source.parent.iterdir())
    dataset = RML2016A(str(source.parent), source.name, part="all")
    assert sorted(path.name for path in source.parent.iterdir()) == before
    assert len(list(cache.iterdir())) == 1
    with source.open("rb") as file:
        cells = pickle.load(file, encoding="latin1")
    assert len(dataset) == 13_200
    for mod, snr in (("8PSK", -20), ("AM-SSB", 0), ("WBFM", 18)):
        chosen = (dataset.labels == MODS_10A.index(mod)) & (dataset.snr_labels == snr)
        np.testing.assert_array_equal(dataset.frames(np.flatnonzero(chosen)), cells[mod, snr])
