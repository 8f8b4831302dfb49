"""HDF5 files of which only the frames that are asked for are read."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest

from common.errors import DataError
from tasks.amr.frame_files import FrameReader, open_frame_table, read_one_hot

FRAMES = np.random.default_rng(0).standard_normal((10, 2, 16)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """Writes FRAMES, or other values, as X with options of h5py."""

    def write(data=FRAMES, **options):
        with h5py.File(tmp_path / "frames.h5", "w") as file:
            file.create_dataset("X", data=data, **options)
            file["mod"] = np.arange(len(data)) % 2
            file["snr"] = np.arange(len(data)) // 5 * 2 - 20
            file.attrs["classes"] = ["BPSK", "QPSK"]
        return tmp_path / "frames.h5"

    return write


@pytest.mark.parametrize(
    ("options", "is_mapped"),
    [
        ({}, True),
        ({"chunks": (4, 2, 16)}, True),  # the last chunk holds two frames only
        ({"chunks": (1, 2, 16)}, True),
        ({"chunks": (5, 2, 8)}, False),
        ({"chunks": (4, 2, 16), "compression": "gzip"}, False),
        ({"chunks": (4, 2, 16), "shuffle": True}, False),
    ],
)
def test_frames_are_read_in_any_order_whatever_the_layout(write, options, is_mapped):
    reader = FrameReader(write(**options))
    assert reader.is_mapped is is_mapped
    rows = np.array([9, 0, 3, 3, 8])
    np.testing.assert_array_equal(reader.read(rows), FRAMES[rows])
    assert reader.length == 16
    assert reader.read(rows[:0]).shape == (0, 2, 16)


@pytest.mark.parametrize("dtype", [">f4", "<f8", "<f2"])
def test_other_floats_become_float32(write, dtype):
    found = FrameReader(write(FRAMES.astype(dtype))).read(np.arange(10))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FRAMES, rtol=1e-3)


@pytest.mark.parametrize("options", [{}, {"chunks": (3, 16, 2), "compression": "gzip"}])
def test_frames_with_samples_first_are_turned(write, options):
    reader = FrameReader(write(FRAMES.transpose(0, 2, 1), **options))
    assert reader.length == 16
    np.testing.assert_array_equal(reader.read(np.array([2, 7])), FRAMES[[2, 7]])


@pytest.mark.parametrize("options", [{}, {"chunks": (4, 2, 16), "compression": "gzip"}])
def test_copies_for_other_processes_read_the_same(write, options):
    reader = FrameReader(write(**options))
    reader.read(np.array([1]))
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.read(np.arange(10)), FRAMES)


def test_frames_read_can_be_written_to(write):
    reader = FrameReader(write())
    reader.read(np.array([1]))[:] = 0
    np.testing.assert_array_equal(reader.read(np.array([1])), FRAMES[[1]])


def test_little_of_a_large_file_is_in_memory(tmp_path):
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("X", data=np.ones((5000, 2, 1024), np.float32))  # 41 MB
    tracemalloc.start()
    FrameReader(tmp_path / "large.h5").read(np.arange(0, 5000, 500))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6


def test_table_has_classes_labels_and_what_the_file_says_of_its_signals(write):
    path = write()
    with h5py.File(path, "a") as file:
        file.attrs["sample_rate"], file.attrs["samples_per_symbol"] = 200e3, 8
    table = open_frame_table(path)
    assert table.classes == ("BPSK", "QPSK")
    assert table.signal == {"sample_rate": 200e3, "samples_per_symbol": 8.0}
    np.testing.assert_array_equal(table.mods, [0, 1] * 5)
    np.testing.assert_array_equal(table.snrs, [-20] * 5 + [-18] * 5)


def test_symbol_rates_of_frames_are_told_by_the_least_and_the_most(write):
    path = write()
    with h5py.File(path, "a") as file:
        file["sps"] = np.array([4, 16, 8, 8, 4, 8, 16, 4, 4, 4], np.int16)
    assert open_frame_table(path).signal == {"samples_per_symbol": [4.0, 16.0]}
    with h5py.File(path, "a") as file:
        file["sps"][:] = 8
    assert open_frame_table(path).signal == {"samples_per_symbol": 8.0}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sample_rate", "200 kHz"),
        ("sample_rate", np.nan),
        ("sample_rate", [1e6, 2e6]),
        ("samples_per_symbol", 0),
        ("samples_per_symbol", [4, np.inf]),
        ("samples_per_symbol", np.zeros(0)),
    ],
)
def test_rates_that_are_no_positive_numbers_are_named(write, name, value):
    path = write()
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(DataError, match=rf"expected {name} of .*frames\.h5 to be positive but found"):
        open_frame_table(path)


def test_rows_of_a_cell_are_in_the_order_of_the_file(write):
    cells = open_frame_table(write()).rows_by_cell()
    assert list(cells) == [("BPSK", -20), ("BPSK", -18), ("QPSK", -20), ("QPSK", -18)]
    np.testing.assert_array_equal(cells["BPSK", -20], [0, 2, 4])
    np.testing.assert_array_equal(cells["QPSK", -18], [5, 7, 9])


@pytest.mark.parametrize("options", [{}, {"chunks": (4, 2, 16), "compression": "gzip"}])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_row_with_samples_that_are_not_finite_is_named(write, options, bad):
    frames = FRAMES.copy()
    frames[7, 1, 3] = bad
    reader = FrameReader(write(frames, **options))
    reader.read(np.array([6, 8]))
    with pytest.raises(DataError, match=r"NaN or infinity in row 7 of .*frames\.h5"):
        reader.read(np.array([8, 7]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (FRAMES[0], r"found float32 of shape \(2, 16\)"),
        (np.zeros((4, 3, 16), "f4"), r"found float32 of shape \(4, 3, 16\)"),
        (np.zeros((4, 2, 16), "i2"), r"found int16 of shape \(4, 2, 16\)"),
        (np.zeros((4, 2, 16), "c8"), "found complex64"),
    ],
)
def test_datasets_that_are_no_frames_are_named(write, data, message):
    with pytest.raises(DataError, match=rf"expected float32 frames \[N, 2, L\] or \[N, L, 2\] in X of .*{message}"):
        FrameReader(write(data))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"frames at .*none\.h5 but found no file"):
        open_frame_table(tmp_path / "none.h5")


@pytest.mark.parametrize("kept", [0, 10, 0.5])
def test_truncated_file_is_named(write, kept):
    path = write(np.ones((200, 2, 128), np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(DataError, match=r"HDF5 file but .*frames\.h5 cannot be read .*; copy it again"):
        open_frame_table(path)


@pytest.mark.parametrize("name", ["X", "mod", "snr"])
def test_missing_datasets_are_named(write, name):
    path = write()
    with h5py.File(path, "a") as file:
        del file[name]
        left = ", ".join(sorted(file))
    with pytest.raises(DataError, match=rf"expected datasets .*{name}.* but found {left}"):
        open_frame_table(path)


def test_missing_class_names_are_named(write):
    path = write()
    with h5py.File(path, "a") as file:
        del file.attrs["classes"]
    with pytest.raises(DataError, match="attribute 'classes'"):
        open_frame_table(path)


def test_labels_of_another_number_of_frames_are_named(write):
    path = write()
    with h5py.File(path, "a") as file:
        del file["snr"]
        file["snr"] = np.zeros(9, np.int16)
    with pytest.raises(DataError, match=r"mod and snr of 10 frames in .* but found \(10,\) and \(9,\)"):
        open_frame_table(path)


def test_label_beyond_the_classes_is_named(write):
    path = write()
    with h5py.File(path, "a") as file:
        file["mod"][3] = 2
    with pytest.raises(DataError, match=r"classes 0\.\.1 in mod of .* but found 0\.\.2"):
        open_frame_table(path)


@pytest.mark.parametrize("row", [[0, 0, 0], [1, 1, 0], [0, 2, 0]])
def test_row_that_is_not_one_hot_is_named(tmp_path, monkeypatch, row):
    monkeypatch.setattr("tasks.amr.frame_files._ROWS_AT_ONCE", 4)
    labels = np.eye(3, dtype=np.int64)[[0, 1, 2, 0, 1, 2, 2]]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Y"] = labels
        np.testing.assert_array_equal(read_one_hot(file["Y"], "a.h5"), [0, 1, 2, 0, 1, 2, 2])
        file["Y"][5] = row
        with pytest.raises(DataError, match=r"a single 1 in each row of Y .* in row 5 of a\.h5"):
            read_one_hot(file["Y"], "a.h5")
