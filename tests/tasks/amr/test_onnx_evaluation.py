"""Exported networks on frames that are not made for them: classes by name, frames of another length."""

import csv
import json
import math
import pickle

import h5py
import numpy as np
import onnx
import pytest
from iq_networks import DIRECTIONS, compass
from onnx import TensorProto, helper, numpy_helper

from common import modulations
from common.errors import CheckpointError, ConfigError
from tasks.amr.onnx_evaluation import (
    NOT_TOLD,
    class_accuracy_table,
    notes_on,
    open_frames,
    score_onnx,
    write_onnx_evaluation,
)
from tasks.amr.recogniser import SignalInfo, load_onnx
from tasks.amr.report import ALL, SnrRange

POINTS = dict(zip(DIRECTIONS, (1, 1j, -1, -1j), strict=True))
# What is seen in five frames of each cell: 'up' the network does not know, 'south' is not among them.
SEEN = {
    ("west", 0): ["west", "west", "west", "north", "east"],
    ("west", 10): ["west"] * 5,
    ("up", 0): ["south"] * 5,
    ("up", 10): ["south", "south", "south", "east", "north"],
    ("north", 0): ["north", "east", "east", "east", "south"],
    ("north", 10): ["north", "north", "north", "north", "south"],
}
HIGH = SnrRange(10, math.inf)


@pytest.fixture
def frames(tmp_path, monkeypatch):
    """Writes frames in RadioML's layout, of samples that point to what is to be seen in them."""
    monkeypatch.chdir(tmp_path)  # the cache lies below

    def write(length=16, seen=SEEN):
        cells = {}
        for cell, names in seen.items():
            points = np.array([POINTS[name] for name in names])
            cells[cell] = np.stack([points.real, points.imag], 1)[:, :, None].repeat(length, 2).astype(np.float32)
        path = tmp_path / f"frames_{length}.pkl"
        path.write_bytes(pickle.dumps(cells, protocol=2))
        return path

    return write


@pytest.fixture
def scores(frames, network):
    return score_onnx(network, open_frames(frames()))


def test_classes_are_matched_by_name(scores):
    assert scores.classes == ("north", "up", "west")
    assert scores.names == (*DIRECTIONS, "up")
    assert scores.by_class(ALL) == pytest.approx({"north": 50, "up": 0, "west": 80})
    assert scores.by_class(HIGH) == pytest.approx({"north": 80, "up": 0, "west": 100})


def test_a_class_of_two_names_is_one_class(frames, network, monkeypatch):
    monkeypatch.setitem(modulations.ALIASES, "up", "north")
    seen = {("up", snr): ["north"] * 5 for snr in (0, 10)} | {("west", snr): ["west"] * 5 for snr in (0, 10)}
    found = score_onnx(network, open_frames(frames(seen=seen)))
    assert found.by_class(ALL) == {"north": 100, "west": 100}
    assert found.unknown == ()


def test_classes_that_the_network_does_not_know_are_wrong_in_the_mean(scores):
    assert scores.unknown == ("up",)
    assert scores.mean(HIGH) == pytest.approx(60)
    assert scores.mean(HIGH, scores.unknown) == pytest.approx(90)
    assert math.isnan(scores.mean(SnrRange(20, 30)))


def test_table_tells_classes_means_and_errors(scores):
    table = class_accuracy_table(scores, [SnrRange(0, 0), HIGH], ["west"])
    assert table.columns == ["class", "all SNRs", "0 dB", "from 10 dB", "else, mostly (from 10 dB)"]
    assert [[table.text(cell) for cell in row] for row in table.rows] == [
        ["north", "50.0", "20.0", "80.0", "south 20"],
        ["up", "0.0", "0.0", "0.0", "south 60"],
        ["west", "80.0", "60.0", "100.0", "-"],
        ["mean of all 3", "43.3", "26.7", "60.0", "-"],
        ["mean of the 2 that it knows", "65.0", "40.0", "90.0", "-"],
        ["mean without west", "25.0", "10.0", "40.0", "-"],
    ]


def test_notes_say_what_does_not_fit(scores):
    assert notes_on(scores) == [
        "It does not know up: all of their frames count as wrong in the mean of all.",
        "It may also answer east, south, which the frames are not: that is wrong.",
        NOT_TOLD,
    ]


@pytest.mark.parametrize("length", [8, 32])
def test_frames_of_another_length_are_heard_whole_and_that_is_said(frames, network, length):
    scores = score_onnx(network, open_frames(frames(length)))
    assert scores.by_class(ALL) == pytest.approx({"north": 50, "up": 0, "west": 80})
    assert notes_on(scores)[0].startswith(f"It was trained on frames of 16 samples and heard {length}: ")
    # A mean over half of each frame would not see that it turns around at the end.
    turning = np.ones((1, 2, length), np.float32)
    turning[:, :, length // 4 :] = -1
    logits = load_onnx(network, length=length).logits(turning)
    np.testing.assert_allclose(logits, 20 * 0.5 * np.array([[-1, -1, 1, 1]]), atol=1e-5)


def save(path, nodes, **constants):
    """An ONNX file of frames of 16 samples to four classes."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("iq", TensorProto.FLOAT, ["batch", 2, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, SignalInfo(DIRECTIONS, 16).as_metadata())
    onnx.save(model, path)
    return path


def fixed(path):
    """The last layer has weights for each of 16 samples: two frames of 8 make one, one of 32 makes two."""
    nodes = [
        helper.make_node("Reshape", ["iq", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    return save(path, nodes, shape=[-1, 32], weights=np.ones((32, 4), np.float32))


def mixing(path):
    """A layer in between takes the mean of 16 samples off: of two frames of 8, after which they are two again."""
    nodes = [
        helper.make_node("Shape", ["iq"], ["was"]),
        helper.make_node("Reshape", ["iq", "shape"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1]),
        helper.make_node("Sub", ["flat", "mean"], ["centred"]),
        helper.make_node("Reshape", ["centred", "was"], ["frames"]),
        helper.make_node("ReduceMax", ["frames"], ["peak"], axes=[2], keepdims=0),
        helper.make_node("MatMul", ["peak", "weights"], ["logits"]),
    ]
    return save(path, nodes, shape=[-1, 32], weights=np.ones((2, 4), np.float32))


@pytest.mark.parametrize(("network_of", "length"), [(fixed, 8), (fixed, 24), (fixed, 32), (mixing, 8), (mixing, 24)])
def test_network_of_one_length_refuses_others(frames, tmp_path, network_of, length):
    path = network_of(tmp_path / "fixed.onnx")
    assert score_onnx(path, open_frames(frames(16))).length == 16
    with pytest.raises(CheckpointError, match=rf"frames of 16 samples for .*fixed\.onnx but found {length}, which"):
        score_onnx(path, open_frames(frames(length)))


def test_samples_per_symbol_that_it_was_not_trained_on_are_noted(tmp_path, network, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("frames.h5", "w") as file:
        file["X"] = np.ones((4, 2, 16), np.float32)
        file["mod"], file["snr"] = np.zeros(4, np.int16), np.zeros(4, np.int16)
        file.attrs["classes"], file.attrs["samples_per_symbol"] = ["east"], 2.0
    assert "It was trained on 4 to 16 samples a symbol; the frames have 2 to 2." in notes_on(
        score_onnx(network, open_frames("frames.h5"))
    )


def test_parts_of_the_standard_split_can_be_taken(frames, network):
    assert len(open_frames(frames(), "all")) == 30
    assert len(open_frames(frames(), "test")) == 6


def test_radioml_2018_is_recognised(tmp_path, write_rml2018):
    path = write_rml2018(tmp_path / "gold.hdf5", frames=2, length=32)
    found = open_frames(path)
    assert (len(found), found.metainfo["length"], found.classes[-1]) == (96, 32, "OQPSK")


def test_frames_without_a_class_of_the_network_are_refused(frames, network):
    path = frames(seen={("up", 0): ["east"] * 5})
    with pytest.raises(ConfigError, match=r"classes east, north, west, south, which .* but found up in"):
        score_onnx(network, open_frames(path))


def test_scores_that_are_not_finite_are_refused(frames, tmp_path):
    path = compass(tmp_path / "bad.onnx", scale=math.nan)
    with pytest.raises(CheckpointError, match=r"finite class scores but .*bad\.onnx"):
        score_onnx(path, open_frames(frames()))


def test_files_hold_every_number(scores, tmp_path):
    page = write_onnx_evaluation({"a": scores}, tmp_path / "out", {"data": "frames"}, [HIGH], ["west"])
    told = json.loads(page.read_text())
    found = told["networks"]["a"]
    assert told["provenance"] == {"data": "frames"}
    assert found["accuracy_by_class"]["north"] == {"all SNRs": 50, "from 10 dB": pytest.approx(80)}
    assert found["means"]["mean without west"]["from 10 dB"] == pytest.approx(40)
    assert (found["frames"], found["heard_length"], found["unknown_classes"]) == (30, 16, ["up"])
    with (tmp_path / "out" / "onnx_confusion.csv").open() as file:
        rows = {tuple(row.values())[1:4]: int(row["frames"]) for row in csv.DictReader(file)}
    assert rows["10.0", "up", "south"] == 3
    assert sum(rows.values()) == 30
    with (tmp_path / "out" / "onnx_accuracy_by_class.csv").open() as file:
        rows = {(row["class"], row["snr"]): (row["frames"], float(row["accuracy"])) for row in csv.DictReader(file)}
    assert rows["north", "0.0"] == ("5", pytest.approx(20))
