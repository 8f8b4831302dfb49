"""HDF5 datasets of which only the frames that are asked for are read."""

import pickle
import tracemalloc

import h5py
import numpy as np
import pytest

from common.errors import DataError
from common.frame_reader import FrameReader, open_hdf5

FRAMES = np.random.default_rng(0).standard_normal((10, 2, 16)).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    """Writes FRAMES, or other values, as X with options of h5py."""

    def write(data=FRAMES, **options):
        with h5py.File(tmp_path / "frames.h5", "w") as file:
            file.create_dataset("X", data=data, **options)
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


@pytest.mark.parametrize("dtype", ["<c8", ">c8", "<c16"])
@pytest.mark.parametrize("options", [{}, {"chunks": (3, 16)}, {"chunks": (3, 16), "compression": "gzip"}])
def test_complex_frames_become_two_rows(write, dtype, options):
    reader = FrameReader(write((FRAMES[:, 0] + 1j * FRAMES[:, 1]).astype(dtype), **options))
    assert reader.length == 16
    assert reader.is_mapped is ("compression" not in options)
    found = reader.read(np.array([9, 0, 3]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, FRAMES[[9, 0, 3]])


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
        (np.zeros((4, 2, 16), "c8"), r"found complex64 of shape \(4, 2, 16\)"),
    ],
)
def test_datasets_that_are_no_frames_are_named(write, data, message):
    with pytest.raises(DataError, match=rf"float32 frames \[N, 2, L\] .* complex64 ones \[N, L\], in X of .*{message}"):
        FrameReader(write(data))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"frames at .*none\.h5 but found no file"):
        FrameReader(tmp_path / "none.h5")


@pytest.mark.parametrize("kept", [0, 10, 0.5])
def test_truncated_file_is_named(write, kept):
    path = write(np.ones((200, 2, 128), np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(DataError, match=r"HDF5 file but .*frames\.h5 cannot be read .*; copy it again"):
        FrameReader(path)


def test_dataset_that_is_not_there_is_named(write):
    with (
        pytest.raises(DataError, match=r"expected datasets X, Y in .*frames\.h5 but found X"),
        open_hdf5(write(), ("X", "Y")),
    ):
        pass
