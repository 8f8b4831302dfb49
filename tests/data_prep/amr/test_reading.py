"""Sets of frames read back from either layout, and files that are none."""

import os
import pickle

import h5py
import numpy as np
import pytest

from common.errors import DataError
from data_prep.amr.frames import frame_starts
from data_prep.amr.generate import generate
from data_prep.amr.reading import read_cells
from data_prep.amr.recipe import Extent, make_recipe
from tasks.amr.rml_files import convert_to_hdf5


def test_both_layouts_are_read_alike(tmp_path):
    extent = Extent(("QPSK", "GFSK"), (0, 20), 6)
    for name in ("set.pkl", "set.h5"):
        generate(tmp_path / name, make_recipe("clean"), extent, workers=1)
    from_pickle, from_hdf5 = (read_cells(tmp_path / name, most=4) for name in ("set.pkl", "set.h5"))
    assert from_pickle.keys() == from_hdf5.keys()
    for key, cell in from_pickle.items():
        assert cell.measured is None
        assert len(from_hdf5[key].measured) == 4
        np.testing.assert_array_equal(cell.frames, from_hdf5[key].frames)


def test_converted_pickle_is_read_without_the_true_snr(tmp_path):
    generate(tmp_path / "set.pkl", make_recipe("clean"), Extent(("QPSK", "GFSK"), (0, 20), 6), workers=1)
    convert_to_hdf5(tmp_path / "set.pkl", tmp_path / "set.h5")
    found = read_cells(tmp_path / "set.h5", most=4)
    for key, cell in read_cells(tmp_path / "set.pkl", most=4).items():
        assert found[key].measured is None
        np.testing.assert_array_equal(found[key].frames, cell.frames)


def test_true_snr_of_a_pickle_comes_from_the_arrays_beside_it(tmp_path):
    content = {("QPSK", 0): np.zeros((3, 2, 8), np.float32), ("QPSK", 2): np.zeros((3, 2, 8), np.float32)}
    (tmp_path / "set.pkl").write_bytes(pickle.dumps(content, protocol=2))
    measured = np.arange(6.0).reshape(1, 2, 3)
    told = {"modulations": ["QPSK"], "snr_label": [0, 2], "snr_measured_db": measured}
    np.savez(tmp_path / "measured.npz", **told)
    cells = read_cells(tmp_path / "set.pkl", most=2)
    np.testing.assert_array_equal(cells["QPSK", 0].measured, [0, 1])
    np.testing.assert_array_equal(cells["QPSK", 2].measured, [3, 4])
    assert cells["QPSK", 0].starts is None
    np.savez(tmp_path / "measured.npz", **told, window_start=measured + 50)
    np.testing.assert_array_equal(read_cells(tmp_path / "set.pkl", most=2)["QPSK", 2].starts, [53, 54])


@pytest.mark.parametrize("left_out", ["modulations", "snr_label", "snr_measured_db"])
def test_damaged_arrays_beside_a_pickle_are_named(tmp_path, left_out):
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({("QPSK", 0): np.zeros((3, 2, 8), np.float32)}, protocol=2))
    told = {"modulations": ["QPSK"], "snr_label": [0], "snr_measured_db": np.zeros((1, 1, 3))}
    del told[left_out]
    np.savez(tmp_path / "measured.npz", **told)
    with pytest.raises(DataError, match=r"SNRs by modulation, label and frame in .*measured\.npz but found"):
        read_cells(tmp_path / "set.pkl")


def test_starts_of_a_frozen_channel_follow_from_what_was_generated(tmp_path):
    recipe = make_recipe("rml2016", length=16)
    for name in ("set.h5", "set.pkl"):
        generate(tmp_path / name, recipe, Extent(("QPSK", "BPSK"), (0, 2), 6, seed=4), workers=1)
    convert_to_hdf5(tmp_path / "set.pkl", tmp_path / "converted.h5")
    for name in ("set.h5", "converted.h5"):
        found = read_cells(tmp_path / name, most=4)["BPSK", 2].starts
        np.testing.assert_array_equal(found, frame_starts(recipe, 4, "BPSK", 2, range(4)))
    generate(tmp_path / "clean.h5", make_recipe("clean"), Extent(("QPSK",), (0,), 2), workers=1)
    assert read_cells(tmp_path / "clean.h5")["QPSK", 0].starts is None


@pytest.mark.parametrize(("name", "value"), [("generator_version", 99), ("recipe", '{"preset": "other"}')])
def test_starts_of_another_generator_are_not_guessed(tmp_path, name, value):
    generate(tmp_path / "set.h5", make_recipe("rml2016", length=16), Extent(("QPSK",), (0,), 2), workers=1)
    with h5py.File(tmp_path / "set.h5", "a") as file:
        file.attrs[name] = value
    assert read_cells(tmp_path / "set.h5")["QPSK", 0].starts is None


def test_file_that_is_no_set_is_refused(tmp_path):
    (tmp_path / "note.pkl").write_text("hello")
    with pytest.raises(DataError, match=r"expected a RadioML pickle but .* cannot be read"):
        read_cells(tmp_path / "note.pkl")
    with pytest.raises(DataError, match="found no file"):
        read_cells(tmp_path / "none.pkl")


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_that_runs_something_is_refused_and_does_not_run(tmp_path):
    path = tmp_path / "trap.pkl"
    path.write_bytes(pickle.dumps({("QPSK", 0): Trap(tmp_path / "made")}))
    with pytest.raises(DataError, match=r"asks for posix\.mkdir; nothing was executed"):
        read_cells(path)
    assert not (tmp_path / "made").exists()


def test_measured_values_of_another_set_in_the_folder_are_not_taken(tmp_path):
    cells = {("QPSK", 0): np.zeros((2, 2, 8), np.float32)}
    with (tmp_path / "mine.pkl").open("wb") as file:
        pickle.dump(cells, file)
    np.savez(tmp_path / "measured.npz", modulations=["QPSK"], snr_label=[0], snr_measured_db=np.zeros((1, 1, 60)))
    assert read_cells(tmp_path / "mine.pkl")["QPSK", 0].measured is None
