"""Which task `tools/predict.py` hands an ONNX file to."""

import runpy
from types import SimpleNamespace

import onnx
import pytest
from conftest import ROOT
from onnx import TensorProto, helper

command = runpy.run_path(str(ROOT / "tools" / "predict.py"))


@pytest.fixture
def asked(monkeypatch):
    """Tasks that were asked for; what they are asked to do is noted and not done."""
    calls = []

    def predict(networks, inputs, out, device, trust, threads=None):
        calls[-1] += (networks, inputs)
        return "done", []

    def entry_of(task):
        calls.append((task,))
        return SimpleNamespace(predict=predict)

    monkeypatch.setitem(command["main"].__wrapped__.__globals__, "entry_of", entry_of)
    return calls


def write(path, metadata):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", [value], [other])
    model = helper.make_model(graph)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return str(path)


@pytest.mark.parametrize(
    ("metadata", "task"), [({"task": "landmarks"}, "landmarks"), ({"task": "amr"}, "amr"), ({}, "amr")]
)
def test_an_onnx_file_goes_to_the_task_that_it_names(tmp_path, asked, metadata, task):
    network = write(tmp_path / "net.onnx", metadata)
    assert command["main"]([network, "a.jpg", "b.jpg"]) == 0
    assert asked == [(task, {"network": (network,)}, ["a.jpg", "b.jpg"])]


def test_without_a_network_recordings_are_meant(asked):
    assert command["main"](["a.cf32"]) == 0
    assert asked == [("amr", {}, ["a.cf32"])]


def test_a_task_that_is_not_there_is_named(tmp_path, capsys):
    assert command["main"]([write(tmp_path / "net.onnx", {"task": "speech"}), "a.jpg"]) == 2
    assert "found task 'speech' in" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys):
    assert command["main"](["no/net.onnx", "a.jpg"]) == 2
    assert "expected an ONNX file at no/net.onnx but found none" in capsys.readouterr().err
