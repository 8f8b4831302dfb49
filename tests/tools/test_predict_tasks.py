"""Which task `tools/predict.py` hands an ONNX file to."""

import re
import runpy
from types import SimpleNamespace

import onnx
import pytest
from conftest import ROOT
from onnx import TensorProto, helper

from tasks.landmarks.tracking import Smoothing

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


@pytest.mark.parametrize("task", ["landmarks", "det", "amr"])
def test_an_onnx_file_goes_to_the_task_that_it_names(tmp_path, asked, task):
    network = write(tmp_path / "net.onnx", {"task": task})
    assert command["main"]([network, "a.jpg", "b.jpg"]) == 0
    assert asked == [(task, {"network": (network,)}, ["a.jpg", "b.jpg"])]


def test_without_a_network_recordings_are_meant(asked):
    assert command["main"](["a.cf32"]) == 0
    assert asked == [("amr", {}, ["a.cf32"])]


def test_a_task_that_is_not_there_is_named(tmp_path, capsys):
    assert command["main"]([write(tmp_path / "net.onnx", {"task": "speech"}), "a.jpg"]) == 2
    assert "found task 'speech' in" in capsys.readouterr().err


def test_an_onnx_file_that_names_no_task_is_refused(tmp_path, capsys):
    assert command["main"]([write(tmp_path / "net.onnx", {}), "a.jpg"]) == 2
    assert "names no task; export it again" in capsys.readouterr().err


def test_an_onnx_file_for_segmentation_is_for_onnxruntime(tmp_path, capsys):
    assert command["main"]([write(tmp_path / "net.onnx", {"task": "seg"}), "a.jpg"]) == 2
    assert "expected CONFIG CHECKPOINT for segmentation but found" in capsys.readouterr().err


def test_the_network_that_comes_with_the_suite_names_its_task():
    assert command["_task_of_onnx"](str(ROOT / "tasks/amr/pretrained/kdcnn_generated.onnx")) == "amr"


@pytest.mark.parametrize("ending", [".pth", ".pt"])
def test_weights_without_their_config_are_refused(capsys, ending):
    with pytest.raises(SystemExit):
        command["main"]([f"student{ending}", "capture.cf32"])
    assert f"found the weights student{ending} without their config" in capsys.readouterr().err


def test_help_tells_the_defaults_of_the_smoothing(capsys):
    with pytest.raises(SystemExit):
        command["main"](["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for option, default in (("--min-cutoff HZ", Smoothing.min_cutoff), ("--beta B", Smoothing.beta)):
        assert re.search(rf"{option} [^()]*\({default:g}\)", told)


def test_a_file_that_is_not_there_is_named(capsys):
    assert command["main"](["no/net.onnx", "a.jpg"]) == 2
    assert "expected an ONNX file at no/net.onnx but found none" in capsys.readouterr().err
