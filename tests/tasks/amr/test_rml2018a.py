"""RadioML 2018.01A: 24 classes in the correct order, read lazily."""

import json
import tracemalloc

import h5py
import numpy as np
import pytest

from common import modulations
from common.errors import DataError
from tasks.amr.datasets import RML2018A

NAME = "GOLD_XYZ_OSC.0001_1024.hdf5"


def test_frames_are_turned_and_labelled_in_the_correct_order(tmp_path, write_rml2018):
    path = write_rml2018(tmp_path / NAME)
    dataset = RML2018A(str(tmp_path), part="all")
    assert len(dataset) == 24 * 2 * 4
    assert dataset.metainfo["classes"][0] == "OOK"
    assert dataset.metainfo["classes"][21:] == ("FM", "GMSK", "OQPSK")
    with h5py.File(path) as file:
        row = 21 * 8 + 5
        np.testing.assert_array_equal(dataset[row]["inputs"].numpy(), file["X"][row].T)
    truth = dataset[row]["data_samples"]
    assert (truth.gt_label.item(), truth.gt_snr.item()) == (21, 30.0)


def test_subset_has_the_frames_asked_for(tmp_path, write_rml2018):
    write_rml2018(tmp_path / NAME)
    dataset = RML2018A(str(tmp_path), part="all", mods=("GMSK", "OOK"), snrs=(0,), frames_per_cell=3, split="50/25/25")
    assert dataset.rows.tolist() == [0, 1, 2, 176, 177, 178]
    assert dataset.labels.tolist() == [1, 1, 1, 0, 0, 0]


def test_little_of_the_file_is_in_memory(tmp_path, write_rml2018):
    path = write_rml2018(tmp_path / NAME, frames=60)
    tracemalloc.start()
    dataset = RML2018A(str(tmp_path), part="train", frames_per_cell=8)
    for position in range(0, len(dataset), 40):
        dataset[position]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.table.reader.is_mapped
    assert path.stat().st_size > 23e6
    assert peak < 4e6


def test_file_whose_columns_are_in_the_published_order_is_refused(tmp_path, write_rml2018, wrong_order):
    write_rml2018(tmp_path / NAME, order=wrong_order)
    with pytest.raises(DataError, match=r"FM and GMSK .* at 30 dB .* but found (8PSK and 16PSK|BPSK and QPSK)"):
        RML2018A(str(tmp_path), part="train")
    assert len(RML2018A(str(tmp_path), part="all", check_class_order=False)) == 192


@pytest.fixture
def subset(tmp_path, write_rml2018, monkeypatch):
    """Builds a set of some classes, some of them ``without`` 30 dB; gives it, and what the log says of the check."""

    def subset(mods, order=None, snrs=(0, 30), without=()):
        path = write_rml2018(tmp_path / NAME, snrs=snrs, **({} if order is None else {"order": order}))
        cells = [mod in mods and not (mod in without and snr == 30) for mod in modulations.RML2018A for snr in snrs]
        kept = np.repeat(cells, 4)
        with h5py.File(path, "a") as file:
            for name in "XYZ":
                rows = file[name][kept]
                del file[name]
                file[name] = rows
        logged = []
        monkeypatch.setattr("tasks.amr.datasets.print_log", lambda text, *_: logged.append(text))
        return RML2018A(str(tmp_path), part="all"), logged

    return subset


@pytest.mark.parametrize("steady", [("FM",), ("GMSK",), ("FM", "GMSK")])
def test_subset_with_some_of_the_steady_classes_is_checked_by_them(subset, steady, wrong_order):
    dataset, logged = subset(("BPSK", "QPSK", *steady))
    assert len(dataset) == 8 * (2 + len(steady))
    assert logged == []
    with pytest.raises(DataError, match=rf"expected {' and '.join(steady)} to have the steadiest envelopes"):
        subset(("BPSK", "QPSK", *steady), wrong_order)  # the columns that classes.txt has FM and GMSK in


@pytest.mark.parametrize("mods", [("OOK",), ("BPSK", "OOK"), ("FM",), ("FM", "GMSK")])
def test_subset_that_can_not_be_checked_is_taken_with_a_note(subset, mods):
    dataset, logged = subset(mods)
    assert len(dataset) == 8 * len(mods)
    assert "was not checked: it has neither FM nor GMSK beside other classes" in logged[0]


def test_envelopes_in_noise_are_not_judged(subset, wrong_order):
    _, logged = subset(modulations.RML2018A, wrong_order, snrs=(-20, 8))
    assert "was not checked: it has no frames from 10 dB on" in logged[0]


def test_steady_classes_are_looked_at_where_they_are(subset):
    """Frames of a class may end at a lower SNR than those of others."""
    dataset, logged = subset(modulations.RML2018A, snrs=(10, 30), without=("FM", "GMSK"))
    assert (len(dataset), logged) == (24 * 8 - 2 * 4, [])


def test_class_file_in_the_published_order_is_refused(tmp_path, write_rml2018, wrong_order):
    write_rml2018(tmp_path / NAME)
    (tmp_path / "classes.txt").write_text("classes = [" + ",\n ".join(f"'{name}'" for name in wrong_order) + "]\n")
    with pytest.raises(DataError, match=r"wrong order, as in the classes\.txt of the set; leave class_file out"):
        RML2018A(str(tmp_path), part="train", class_file="classes.txt")


@pytest.mark.parametrize("form", ["lines", "json list", "json dict"])
def test_class_file_in_the_correct_order_is_taken(tmp_path, write_rml2018, correct_order, form):
    write_rml2018(tmp_path / NAME)
    texts = {
        "lines": "\n".join(correct_order),
        "json list": json.dumps(correct_order),
        "json dict": json.dumps({"0": correct_order}),
    }
    (tmp_path / "classes-fixed").write_text(texts[form])
    dataset = RML2018A(str(tmp_path), part="train", class_file="classes-fixed")
    assert dataset.metainfo["classes"] == tuple(correct_order)


def test_class_file_of_other_classes_is_refused(tmp_path, write_rml2018):
    write_rml2018(tmp_path / NAME)
    (tmp_path / "classes.txt").write_text("BPSK\nQPSK\n64QUAM\n")
    with pytest.raises(DataError, match=r"24 classes of RadioML 2018\.01A in .*classes\.txt but found other .*64QUAM"):
        RML2018A(str(tmp_path), part="train", class_file="classes.txt")
    with pytest.raises(DataError, match=r"list of classes at .*none\.txt but found none"):
        RML2018A(str(tmp_path), part="train", class_file="none.txt")


@pytest.mark.parametrize("name", ["X", "Y", "Z"])
def test_missing_dataset_is_named(tmp_path, write_rml2018, name):
    path = write_rml2018(tmp_path / NAME)
    with h5py.File(path, "a") as file:
        del file[name]
    with pytest.raises(DataError, match=rf"expected datasets .*{name}"):
        RML2018A(str(tmp_path), part="train")


def test_other_numbers_of_classes_or_labels_are_named(tmp_path, write_rml2018):
    path = write_rml2018(tmp_path / NAME)
    with h5py.File(path, "a") as file:
        labels = file["Y"][:]
        del file["Y"]
        file["Y"] = labels[:, :11]
    with pytest.raises(DataError, match=r"Y \[N, 24\] for the classes OOK, .* but found \(192, 11\)"):
        RML2018A(str(tmp_path), part="train")


def test_published_split_of_the_challenge_needs_the_whole_set(tmp_path, write_rml2018):
    write_rml2018(tmp_path / NAME)
    with pytest.raises(DataError, match=r"624 cells of 4096 frames .* but found 48 cells of \[4\] frames"):
        RML2018A(str(tmp_path), part="train", split="itu-2018")
