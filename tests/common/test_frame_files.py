"""HDF5 files of labelled frames, in the suite's layout and in that of RadioML 2018.01A."""

import h5py
import numpy as np
import pytest

from common.errors import DataError
from common.frame_files import FrameWriter, is_rml2018a, open_frame_table, read_one_hot, record_generation

FRAMES = np.random.default_rng(0).standard_normal((10, 2, 16)).astype(np.float32)
MODS = np.arange(10) % 2
SNRS = np.arange(10) // 5 * 2 - 20
NAMES = ["BPSK", "QPSK"]
TEXTS = [NAMES[mod] for mod in MODS]


@pytest.fixture
def write(tmp_path):
    """Writes FRAMES in the suite's layout."""

    def write():
        with h5py.File(tmp_path / "frames.h5", "w") as file:
            file["X"], file["mod"], file["snr"] = FRAMES, MODS, SNRS
            file.attrs["classes"] = NAMES
        return tmp_path / "frames.h5"

    return write


@pytest.fixture
def write_xyz(tmp_path):
    """Writes FRAMES in RadioML's layout, without names."""

    def write_xyz(labels=None, snrs=None, frames=None):
        with h5py.File(tmp_path / "xyz.hdf5", "w") as file:
            file["X"] = FRAMES.transpose(0, 2, 1) if frames is None else frames
            file["Y"] = np.eye(2)[MODS] if labels is None else labels
            file["Z"] = SNRS[:, None] if snrs is None else snrs
        return tmp_path / "xyz.hdf5"

    return write_xyz


def check(table):
    assert table.classes == ("BPSK", "QPSK")
    assert (table.mods.dtype, table.snrs.dtype) == (np.int16, np.int16)
    np.testing.assert_array_equal(table.mods, MODS)
    np.testing.assert_array_equal(table.snrs, SNRS)
    np.testing.assert_array_equal(table.reader.read(np.array([7])), FRAMES[[7]])


@pytest.mark.parametrize("place", ["attribute", "attribute of Y", "dataset", "bytes", "argument"])
def test_names_of_one_hot_labels_come_from_the_file_or_from_who_asks(write_xyz, place):
    path = write_xyz()
    with h5py.File(path, "a") as file:
        if place == "attribute":
            file.attrs["classes"] = NAMES
        elif place == "attribute of Y":
            file["Y"].attrs["classes"] = NAMES
        elif place == "dataset":
            file["classes"] = NAMES
        elif place == "bytes":
            file["classes"] = np.array(NAMES, "S")
    check(open_frame_table(path, NAMES if place == "argument" else None))


@pytest.mark.parametrize(
    "labels",
    [
        np.eye(2)[MODS],
        np.eye(2, dtype=bool)[MODS],
        MODS,
        MODS[:, None].astype(np.uint8),
        MODS.astype(float),
    ],
)
@pytest.mark.parametrize("snrs", [SNRS, SNRS[:, None].astype(float)])
def test_labels_may_be_columns_or_numbers(write_xyz, labels, snrs):
    check(open_frame_table(write_xyz(labels, snrs), NAMES))


@pytest.mark.parametrize("labels", [TEXTS, np.array(TEXTS, "S")[:, None]])
def test_labels_that_are_names_need_no_others(write_xyz, labels):
    path = write_xyz(labels)
    check(open_frame_table(path))
    table = open_frame_table(path, ["GFSK", "QPSK", "BPSK"])
    assert table.classes == ("GFSK", "QPSK", "BPSK")
    np.testing.assert_array_equal(table.mods, 2 - MODS)


def test_complex_frames_are_read_in_either_layout(write_xyz):
    check(open_frame_table(write_xyz(frames=FRAMES[:, 0] + 1j * FRAMES[:, 1]), NAMES))


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (None, None, r"names of 2 classes in .*xyz\.hdf5, in the order of Y's columns, but found none: set .*classes="),
        (MODS, None, r"names of 2 classes in .*, in the order of Y's numbers, but found none"),
        (np.eye(24)[MODS], None, r"names of 24 classes .*, or, for RadioML 2018\.01A, type='RML2018A'"),
        (None, ["A", "B", "C"], r"Y \[N, 3\] for the classes A, B, C in .* but found \(10, 2\)"),
        (None, ["A", "A"], r"each class of .* once but found A, A"),
        (TEXTS, ["BPSK", "GFSK"], r"modulations BPSK, GFSK in Y of .* but found 'QPSK'"),
        (MODS + 1, NAMES, r"classes 0\.\.1 in Y of .* but found 1\.\.2"),
        (MODS - 1, NAMES, r"classes 0\.\.1 in Y of .* but found -1\.\.0"),
        (MODS + 0.5, NAMES, r"classes as whole numbers in Y of .* but found 0\.5"),
        (MODS + 1j, NAMES, r"one-hot rows, whole numbers or names in Y of .* but found complex128 of shape \(10,\)"),
        (np.zeros((10, 2, 1)), NAMES, r"expected Y and Z of 10 frames .* but found \(10, 2, 1\) and \(10, 1\)"),
        (np.zeros((10, 0)), NAMES, r"found float64 of shape \(10, 0\)"),
    ],
)
def test_modulations_that_cannot_be_told_are_named(write_xyz, labels, names, message):
    with pytest.raises(DataError, match=message):
        open_frame_table(write_xyz(labels), names)


@pytest.mark.parametrize(
    ("snrs", "message"),
    [
        (SNRS + 0.25, r"SNR labels in whole dB in Z of .* but found -19\.75"),
        (np.full(10, np.nan), "in whole dB in Z of .* but found nan"),
        (np.full(10, np.inf), "in whole dB in Z of .* but found inf"),
        (np.full(10, 10**6), "SNR labels in dB in Z of .* but found 1000000"),
        (["high"] * 10, "in whole dB in Z of .* but found object"),
        (SNRS[:9], r"Y and Z of 10 frames .* but found \(10, 2\) and \(9,\)"),
        (np.stack([SNRS, SNRS], axis=1), r"but found \(10, 2\) and \(10, 2\)"),
    ],
)
def test_snrs_that_are_no_whole_decibels_are_named(write_xyz, snrs, message):
    with pytest.raises(DataError, match=message):
        open_frame_table(write_xyz(snrs=snrs), NAMES)


def test_other_names_than_those_of_the_file_are_refused(write):
    check(open_frame_table(write(), NAMES))
    with pytest.raises(DataError, match=r"classes BPSK, QPSK, as .* names them, but found classes QPSK, BPSK; leave"):
        open_frame_table(write(), NAMES[::-1])


@pytest.mark.parametrize("name", ["X", "Y", "Z"])
def test_missing_datasets_of_radioml_are_named(write_xyz, name):
    path = write_xyz()
    with h5py.File(path, "a") as file:
        del file[name]
        left = ", ".join(sorted(file))
    with pytest.raises(DataError, match=rf"datasets X, Y, Z in .* but found {left}: frames, their mod"):
        open_frame_table(path)


def test_both_layouts_are_told_where_there_is_none(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["samples"] = FRAMES
    with pytest.raises(DataError, match=r"datasets X, mod, snr, or X, Y, Z, in .*a\.h5 but found samples"):
        open_frame_table(tmp_path / "a.h5")


def test_radioml_2018_is_known_by_24_columns_without_names(write, write_xyz):
    assert not is_rml2018a(write())
    assert not is_rml2018a(write_xyz())
    path = write_xyz(np.eye(24)[MODS])
    assert is_rml2018a(path)
    with h5py.File(path, "a") as file:
        file.attrs["classes"] = [f"class {place}" for place in range(24)]
    assert not is_rml2018a(path)


def test_what_is_written_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        writer = FrameWriter(file, NAMES, 10, 16, {"sps": np.int16})
        for start in (0, 3, 5):  # blocks of a cell
            stop = {0: 3, 3: 5, 5: 10}[start]
            writer.write("QPSK" if start < 5 else "BPSK", start, FRAMES[start:stop], sps=np.arange(start, stop))
        assert (file["X"].chunks, file["X"].dtype) == (None, np.float32)
        np.testing.assert_array_equal(file["sps"], np.arange(10))
        del file["sps"]
    table = open_frame_table(tmp_path / "a.h5")
    assert table.reader.is_mapped
    np.testing.assert_array_equal(table.reader.read(np.arange(10)), FRAMES)
    assert table.mods.tolist() == [1] * 5 + [0] * 5
    assert table.snrs.tolist() == [0, 0, 0, 3, 3, 5, 5, 5, 5, 5]


def generated(path, **changes):
    told = {"version": 1, "seed": 3, "recipe": {"preset": "own", "sps": 8, "frozen_channel": False, "channel_seed": 5}}
    with h5py.File(path, "a") as file:
        record_generation(file, **{**told, **changes})
    return open_frame_table(path).generated


def test_the_seed_of_a_generated_set_tells_whether_frames_are_the_same(write):
    recipe = {"sps": 8, "channel_seed": 5, "frozen_channel": False, "preset": "another name"}
    first = generated(write())
    assert first["frozen_channel"] is None
    assert generated(write(), recipe=recipe) == first
    assert generated(write(), recipe={**recipe, "sps": 4})["frames"] == first["frames"]  # the noise is the same
    others = [{"seed": 4}, {"version": 2}]
    assert first["frames"] not in [generated(write(), **change)["frames"] for change in others]
    assert generated(write(), recipe={**recipe, "frozen_channel": True})["frozen_channel"] == 5


def test_files_of_others_are_not_taken_for_generated_ones(write):
    assert open_frame_table(write()).generated == {}
    assert generated(write(), recipe={"taste": "sweet"}) == {}


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


@pytest.mark.parametrize("name", ["X", "mod", "snr"])
def test_missing_datasets_are_named(write, name):
    path = write()
    with h5py.File(path, "a") as file:
        del file[name]
        left = ", ".join(sorted(file))
    with pytest.raises(DataError, match=rf"expected datasets .*{name}.* but found {left}"):
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
    monkeypatch.setattr("common.frame_files._ROWS_AT_ONCE", 4)
    labels = np.eye(3, dtype=np.int64)[[0, 1, 2, 0, 1, 2, 2]]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Y"] = labels
        np.testing.assert_array_equal(read_one_hot(file["Y"], "a.h5"), [0, 1, 2, 0, 1, 2, 2])
        file["Y"][5] = row
        with pytest.raises(DataError, match=r"a single 1 in each row of Y .* in row 5 of a\.h5"):
            read_one_hot(file["Y"], "a.h5")


def test_a_file_with_missing_frames_is_noticed(tmp_path):
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        writer = FrameWriter(file, ["BPSK"], count=3, length=4)
        writer.write("BPSK", 0, np.zeros((2, 2, 4), np.float32))
        with pytest.raises(ValueError, match="expected 3 frames but 2 were written"):
            writer.check_full()
        writer.write("BPSK", 10, np.zeros((1, 2, 4), np.float32))
        writer.check_full()
