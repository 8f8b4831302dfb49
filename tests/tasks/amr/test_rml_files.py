"""RadioML's pickles: what is read, and what is refused without being run."""

import io
import json
import os
import pickle
import tarfile
import types

import h5py
import numpy as np
import pytest

from common.errors import DataError
from common.frame_pickle import read_rml_pickle
from tasks.amr.rml_files import convert_to_hdf5


def same(found, expected):
    assert list(found) == list(expected)
    for key, frames in expected.items():
        assert found[key].dtype == np.float32
        np.testing.assert_array_equal(found[key], frames)


@pytest.fixture
def read(tmp_path):
    """Reads the file with the given bytes."""

    def read(content):
        (tmp_path / "set.pkl").write_bytes(content)
        return read_rml_pickle(tmp_path / "set.pkl")

    return read


def test_protocol_0_of_python_2_is_read(read, cells, python2_pickle):
    content = python2_pickle(cells)
    assert content.startswith(b"(dp1\n(S'QPSK'\np2\nI2\ntp3\ncnumpy.core.multiarray\n_reconstruct\n")
    same(read(content), cells)
    same(pickle.loads(content, encoding="latin1"), cells)  # the fixture is what NumPy itself takes for these arrays


@pytest.mark.parametrize("protocol", range(6))
def test_protocols_of_python_3_are_read(read, cells, protocol):
    same(read(pickle.dumps(cells, protocol)), cells)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_keys_of_bytes_and_numpy_become_str_and_int(read, cells, protocol):
    keys = [
        lambda mod, snr: (mod.encode(), np.int64(snr)),
        lambda mod, snr: (np.str_(mod), float(snr)),
        lambda mod, snr: (np.bytes_(mod), np.float32(snr)),
        lambda mod, snr: (mod, snr),
    ]
    keyed = {key(*cell): cells[cell] for key, cell in zip(keys, cells, strict=True)}
    found = read(pickle.dumps(keyed, protocol))
    same(found, cells)
    assert {tuple(map(type, key)) for key in found} == {(str, int)}


def test_real_gnu_radio_file_is_read_as_numpy_reads_it(shared_data):
    path = shared_data / "rml2016_gnuradio" / "RML2016.10a_gnuradio.pkl"
    with path.open("rb") as file:
        expected = pickle.load(file, encoding="latin1")
    same(read_rml_pickle(path), expected)
    assert len(expected) == 11 * 20


def test_older_names_of_numpy_and_newer_ones_are_both_known(read, cells):
    content = pickle.dumps(cells, 2)
    assert b"numpy._core.multiarray" in content
    same(read(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")), cells)


def test_big_endian_column_major_and_double_arrays_become_float32(read, cells):
    changed = {key: np.asfortranarray(frames.astype(">f8")) for key, frames in cells.items()}
    same(read(pickle.dumps(changed, 2)), cells)


@pytest.mark.parametrize("name", ["set.tar.bz2", "set.tar.gz"])
def test_published_archive_is_read_without_unpacking(tmp_path, cells, python2_pickle, name):
    content = python2_pickle(cells)
    with tarfile.open(tmp_path / name, f"w:{name.rsplit('.', 1)[1]}") as archive:
        for member, data in (("LICENSE.TXT", b"terms"), ("RML2016.10a_dict.pkl", content)):
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    same(read_rml_pickle(tmp_path / name), cells)


class Runs:
    """Pickled as a call of what is given; loading it as usual runs that."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("place", ["value", "key", "top", "in array"])
def test_a_program_in_a_pickle_is_refused_and_not_run(read, tmp_path, cells, protocol, place):
    mark = tmp_path / "was_here"
    program = Runs(os.mkdir, str(mark))
    contents = {
        "value": {**cells, ("QPSK", 4): program},
        "key": {(program, 4): cells["QPSK", 2]},
        "top": program,
        "in array": {("QPSK", 2): np.array([[[program]]], dtype=object)},
    }
    content = pickle.dumps(contents[place], protocol)
    with pytest.raises(
        DataError, match=r"NumPy arrays alone but .*set\.pkl asks for posix\.mkdir; nothing was executed"
    ):
        read(content)
    assert not mark.exists()
    if place == "value":  # the program does run where nothing is refused
        pickle.loads(content)
        assert mark.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("_codecs", "decode"),
        ("codecs", "encode"),
        ("functools", "partial"),
    ],
)
def test_names_other_than_those_of_arrays_are_refused(read, module, name):
    short = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    for content in (f"c{module}\n{name}\n.".encode(), b"\x80\x04" + short + b"\x93."):
        with pytest.raises(DataError, match="nothing was executed"):
            read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"c_codecs\nencode\n(V\nVrot13\ntR.",  # a codec of somebody's choice
        b"c_codecs\nencode\n}S'__defaults__'\nI1\nsb.",  # attributes of the reader's own functions
        b"cnumpy\nndarray\n}S'numpy'\nI1\nsb.",
        b"\x80\x02U\x04fileQ.",  # an object outside of the pickle
        b"\x82\x01.",  # one that somebody registered with copyreg
    ],
)
def test_other_ways_out_of_a_pickle_are_refused(read, content, cells):
    with pytest.raises(DataError):
        read(content)
    same(read(pickle.dumps(cells, 0)), cells)  # and the reader is what it was


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"RadioML pickle at .*nothing\.pkl but found none"):
        read_rml_pickle(tmp_path / "nothing.pkl")


@pytest.mark.parametrize("kept", [0, 1, 30, 100, 0.5, -1])
def test_truncated_file_is_named(read, cells, python2_pickle, kept):
    for content in (python2_pickle(cells), pickle.dumps(cells, 2)):
        with pytest.raises(DataError, match=r"set\.pkl cannot be read to its end .*; copy it again, or name"):
            read(content[: int(kept * len(content)) if kept == 0.5 else kept])


@pytest.mark.parametrize("kept", [4, 600, -2000])
def test_truncated_archive_is_named(tmp_path, kept):
    path = tmp_path / "set.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        for member in ("LICENSE.TXT", "RML2016.10a_dict.pkl"):
            data = np.random.default_rng(0).bytes(5000)
            entry = tarfile.TarInfo(member)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"set\.tar\.bz2 cannot be read"):
        read_rml_pickle(path)


def test_array_with_too_few_bytes_is_named(read, cells, python2_pickle):
    content = python2_pickle({("QPSK", 2): cells["QPSK", 2]}).replace(b"(I3\nI2\nI8\n", b"(I4\nI2\nI8\n")
    with pytest.raises(
        DataError, match=r"'QPSK', 2.*expected 256 bytes for an array of shape \(4, 2, 8\) but found 192"
    ):
        read(content)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_named(read, cells, bad):
    cells["BPSK", 2][1, 0, 3] = bad
    with pytest.raises(DataError, match=r"NaN or infinity in 1 frames of \('BPSK', 2\) of .*, the first is frame 1"):
        read(pickle.dumps(cells, 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "dict from .* but found a list"),
        ({}, "dict from .* but found a dict"),
        ({("QPSK", 2): [1.0]}, r"array of frames for \('QPSK', 2\) .* but found a list"),
        ({("QPSK", 100_000): np.zeros((1, 2, 8), "f4")}, "expected SNRs within 1000 dB in .* but found 100000"),
        (
            {("QPSK", 0): np.zeros((1, 2, 8), "f4"), (b"QPSK", 0): np.zeros((1, 2, 8), "f4")},
            r"frames of \('QPSK', 0\) once in .* two kinds of its name",
        ),
        ({"QPSK": np.zeros((1, 2, 8), "f4")}, r"keys \(modulation, SNR in whole dB\) .* but found 'QPSK'"),
        ({("QPSK", 0.5): np.zeros((1, 2, 8), "f4")}, r"keys .* but found .*'0\.5'"),
        ({("QPSK", np.float64("nan")): np.zeros((1, 2, 8), "f4")}, r"keys .* but found .*'nan'"),
        ({(np.int64(3), 4): np.zeros((1, 2, 8), "f4")}, r"keys .* but found .*'3'"),
        ({("QPSK", 2): np.zeros((2, 8), "f4")}, r"frames \[n, 2, L\] but found shape \(2, 8\)"),
        ({("QPSK", 2): np.zeros((5, 8, 2), "f4")}, r"frames \[n, 2, L\] but found shape \(5, 8, 2\)"),
        ({("QPSK", 2): np.zeros((0, 2, 8), "f4")}, r"found shape \(0, 2, 8\)"),
        ({("QPSK", 2): np.zeros((1, 2, 8), "i4")}, "float32 frames but found int32"),
        ({("QPSK", 2): np.zeros((1, 2, 8), "c8")}, "type f4 but found type '<c8'"),
        ({("QPSK", 2): np.zeros((1, 2, 8), "f4,f4")}, "found type '|V8'"),
        (
            {("QPSK", 2): np.zeros((1, 2, 8), "f4"), ("QPSK", 4): np.zeros((1, 2, 9), "f4")},
            r"one length .* but found lengths \[8, 9\]",
        ),
    ],
)
@pytest.mark.parametrize("protocol", [4, 5])
def test_anything_but_frames_by_modulation_and_snr_is_named(read, content, message, protocol):
    with pytest.raises(DataError, match=message):
        read(pickle.dumps(content, protocol))


def test_conversion_keeps_every_frame_sorted_by_modulation_and_snr(tmp_path, cells, python2_pickle):
    path = tmp_path / "RML2016.10a_dict.pkl"
    path.write_bytes(python2_pickle(cells))
    out = tmp_path / "cache" / "out.h5"
    convert_to_hdf5(path, out)
    with h5py.File(out) as file:
        assert list(file.attrs["classes"]) == ["BPSK", "QPSK"]
        assert file.attrs["source"] == path.name
        np.testing.assert_array_equal(file["mod"][:], np.repeat([0, 1], 6))
        np.testing.assert_array_equal(file["snr"][:], np.tile(np.repeat([-20, 2], 3), 2))
        np.testing.assert_array_equal(file["X"][:], np.concatenate([cells[key] for key in sorted(cells)]))
        assert file["X"].dtype == np.float32


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path, cells):
    path = tmp_path / "set.pkl"
    cells["QPSK", 2][0, 0, 0] = np.nan
    path.write_bytes(pickle.dumps(cells, 2))
    with pytest.raises(DataError, match="NaN"):
        convert_to_hdf5(path, tmp_path / "set.h5")
    assert [file.name for file in tmp_path.iterdir()] == ["set.pkl"]


RECORD = {
    "generator_version": 1,
    "seed": 0,
    "mods": ["QPSK", "BPSK"],
    "snrs": [-20, 2],
    "frames": 3,
    "recipe": {"sample_rate": 48000, "sps": 4, "preset": "clean"},
}


@pytest.fixture
def convert(tmp_path, cells):
    """Converts a pickle of ``cells`` with a text beside it, and gives the attributes of the HDF5 file."""

    def convert(text):
        path = tmp_path / "set.pkl"
        path.write_bytes(pickle.dumps(cells, 2))
        (tmp_path / "set.pkl.json").write_text(text)
        convert_to_hdf5(path, tmp_path / "set.h5")
        with h5py.File(tmp_path / "set.h5") as file:
            return dict(file.attrs)

    return convert


@pytest.mark.parametrize("sps", [4, [16, 4, 8]])
def test_conversion_keeps_the_rates_that_the_generator_wrote_beside(convert, sps):
    found = convert(json.dumps({**RECORD, "recipe": {**RECORD["recipe"], "sps": sps}}))
    assert found["sample_rate"] == 48000.0
    np.testing.assert_array_equal(found["samples_per_symbol"], sps)


def test_record_is_found_where_a_link_leads(tmp_path, convert):
    convert(json.dumps(RECORD))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.pkl").symlink_to(tmp_path / "set.pkl")
    convert_to_hdf5(tmp_path / "elsewhere" / "link.pkl", tmp_path / "link.h5")
    with h5py.File(tmp_path / "link.h5") as file:
        assert file.attrs["sample_rate"] == 48000.0


def test_a_note_of_somebody_else_beside_a_pickle_is_left_alone(convert):
    assert "sample_rate" not in convert('{"author": "me"}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "in .*set.pkl.json but found Expecting property name"),
        (json.dumps({**RECORD, "recipe": {"sample_rate": 48000}}), "found no 'sps'; delete it"),
        (json.dumps({**RECORD, "recipe": {"sample_rate": "fast", "sps": 4}}), "found could not convert"),
        (json.dumps({**RECORD, "recipe": 5}), "'int' object is not subscriptable"),
        (json.dumps({**RECORD, "frames": 4}), r"of another set: 4 cells of 4 frames, not 4 of \[3\]; delete it"),
        (json.dumps({**RECORD, "snrs": [-20, 4]}), "the record of another set"),
    ],
)
def test_record_that_is_damaged_or_of_another_pickle_is_named(tmp_path, convert, text, message):
    with pytest.raises(DataError, match=message):
        convert(text)
    assert not (tmp_path / "set.h5").exists()


def test_reader_needs_nothing_of_what_a_pickle_could_name():
    """Every admitted name stands for the reader's own functions."""
    from common import frame_pickle

    owners = {getattr(stand_in, "__module__", None) for stand_in in frame_pickle._STAND_INS.values()}
    assert owners == {"common.frame_pickle"}
    assert not any(isinstance(stand_in, types.BuiltinFunctionType) for stand_in in frame_pickle._STAND_INS.values())
