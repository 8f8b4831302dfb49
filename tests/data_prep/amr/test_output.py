"""The two layouts on disk, read back by the standard libraries."""

import json
import pickle
import pickletools

import h5py
import numpy as np
import pytest

from common.errors import ConfigError, DataError
from data_prep.amr.frames import make_frames
from data_prep.amr.generate import generate
from data_prep.amr.output import Block, RmlPickleWriter, open_writer
from data_prep.amr.recipe import Extent, make_recipe

RECIPE = make_recipe("clean", length=16)
EXTENT = Extent(("QPSK", "AM-SSB"), (-20, 18), 7, seed=5)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name in ("set.pkl", "set.h5"):
        generate(folder / name, RECIPE, EXTENT, workers=1)
    return folder


def expected(mod, snr):
    return make_frames(RECIPE, 5, mod, snr, range(7))


def test_pickle_is_a_dict_from_modulation_and_snr_to_frames(written):
    with (written / "set.pkl").open("rb") as file:
        content = pickle.load(file, encoding="latin1")
    assert list(content) == [("QPSK", -20), ("QPSK", 18), ("AM-SSB", -20), ("AM-SSB", 18)]
    assert all(type(mod) is str and type(snr) is int for mod, snr in content)
    for (mod, snr), frames in content.items():
        assert frames.dtype == np.dtype("<f4")
        np.testing.assert_array_equal(frames, expected(mod, snr)[0])
        frames += 1  # an own, writable array


def test_pickle_read_as_bytes_has_keys_of_bytes_like_the_published_one(written):
    with (written / "set.pkl").open("rb") as file:
        content = pickle.load(file, encoding="bytes")
    assert set(content) == {(b"QPSK", -20), (b"QPSK", 18), (b"AM-SSB", -20), (b"AM-SSB", 18)}
    np.testing.assert_array_equal(content[b"QPSK", 18], expected("QPSK", 18)[0])


def test_pickle_names_nothing_but_arrays(written):
    opcodes = list(pickletools.genops((written / "set.pkl").read_bytes()))
    names = {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    assert names == {"numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"}
    # what Python 2 can read
    assert max(opcode.proto for opcode, _, _ in opcodes) <= 2


def test_record_stands_beside_a_pickle(written):
    content = json.loads((written / "set.pkl.json").read_text())
    assert content["mods"] == ["QPSK", "AM-SSB"]
    assert (content["seed"], content["frames"], content["recipe"]["preset"]) == (5, 7, "clean")


def test_hdf5_holds_frames_labels_and_the_recipe(written):
    with h5py.File(written / "set.h5") as file:
        assert file["X"].shape == (28, 2, 16)
        assert (file["X"].dtype, file["mod"].dtype, file["snr"].dtype) == (np.float32, np.int16, np.int16)
        assert file["X"].chunks is None
        assert list(file.attrs["classes"]) == ["QPSK", "AM-SSB"]
        assert (file.attrs["sample_rate"], file.attrs["samples_per_symbol"], file.attrs["seed"]) == (200e3, 8, 5)
        assert json.loads(file.attrs["recipe"]) == RECIPE.as_json()
        for index, mod in enumerate(EXTENT.mods):
            for snr in EXTENT.snrs:
                rows = (file["mod"][:] == index) & (file["snr"][:] == snr)
                frames, measured = expected(mod, snr)
                np.testing.assert_array_equal(file["X"][rows], frames)
                np.testing.assert_array_equal(file["snr_measured_db"][rows], measured)


def test_cells_may_come_in_any_number_of_blocks(tmp_path):
    frames = np.random.default_rng(0).normal(size=(10, 2, 4)).astype(np.float32)
    path = tmp_path / "blocks.pkl"
    with path.open("wb") as file:
        writer = RmlPickleWriter(file, 10, 4)
        for first, last in ((0, 3), (3, 9), (9, 10)):
            writer.write(Block("BPSK", -6, first, frames[first:last], np.zeros(last - first)))
        writer.close()
    with path.open("rb") as file:
        np.testing.assert_array_equal(pickle.load(file, encoding="latin1")["BPSK", -6], frames)


def test_cell_too_large_for_a_pickle_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(ConfigError, match=r"at most 2147483647 bytes .* write \.h5 instead"):
        generate(tmp_path / "large.pkl", make_recipe("clean"), Extent(("QPSK",), (0,), 1 << 22), workers=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["set.pkl", "set.h5"])
def test_nothing_is_left_of_a_set_that_failed(tmp_path, name):
    def fail():
        with open_writer(tmp_path / name, RECIPE, EXTENT) as writer:
            writer.write(Block("QPSK", -20, 0, *expected("QPSK", -20)))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["set.pkl", "set.h5"])
def test_file_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=f"expected to write .*{name} but found"):
        generate(tmp_path / "file" / name, RECIPE, EXTENT, workers=1)
