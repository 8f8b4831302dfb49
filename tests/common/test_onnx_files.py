import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from common.errors import CheckpointError, ConfigError, DataError
from common.export import ExportError
from common.onnx_files import check_export, open_session, quantise, read_metadata


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A file with a dense layer of 64 x 64, ``[N, 64] -> [N, 64]``, that says what it is for."""
    weights = np.random.default_rng(0).uniform(-1, 1, (64, 64)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {"task": "tests", "size": "64"})
    path = tmp_path_factory.mktemp("onnx") / "dense.onnx"
    onnx.save(model, path)
    return path


def run(path, frames):
    return open_session(path, 1).run(None, {"x": frames})[0]


def test_metadata_are_read(network):
    assert read_metadata(network) == {"task": "tests", "size": "64"}


@pytest.mark.parametrize("read", [read_metadata, open_session])
def test_what_is_no_onnx_file_is_named(tmp_path, read):
    with pytest.raises(CheckpointError, match=r"an ONNX file at none\.onnx but found none"):
        read("none.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(CheckpointError, match=r"expected an ONNX file but .*text\.onnx"):
        read(tmp_path / "text.onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "last.pth"}, "a new file such as student.pth but found last.pth, the checkpoint itself"),
        ({"onnx_file": "student.bin"}, "an ONNX file named [*].onnx but found student.bin"),
        ({"onnx_file": None, "int8": True}, "expected --onnx FILE, beside which"),
        ({"calibration_frames": 0}, "at least one face to calibrate with but found 0"),
        ({"part": "train"}, "part 'val' or 'test' but found 'train'"),
    ],
)
def test_options_of_an_export_that_do_not_fit_are_refused(options, message):
    fitting = {"out": "student.pth", "onnx_file": "student.onnx", "int8": True, "calibration_frames": 1, "part": "val"}
    check_export("last.pth", **fitting)
    with pytest.raises(ConfigError, match=message):
        check_export("last.pth", **{**fitting, **options}, frame="face")


def test_a_network_in_integers_answers_nearly_the_same_and_says_the_same(network, tmp_path):
    frames = np.random.default_rng(1).uniform(-1, 1, (40, 64)).astype(np.float32)
    report = quantise(network, tmp_path / "small.onnx", frames, batch=16)
    assert report["calibration_frames"] == 40
    assert read_metadata(tmp_path / "small.onnx") == read_metadata(network)
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(tmp_path / "small.onnx").graph.node}
    exact, small = run(network, frames), run(tmp_path / "small.onnx", frames)
    assert 0 < np.abs(exact - small).max() < 0.05 * np.abs(exact).max()
    assert (tmp_path / "small.onnx").stat().st_size < network.stat().st_size


def test_without_frames_or_with_such_of_another_size_nothing_is_written(network, tmp_path):
    with pytest.raises(DataError, match="frames to calibrate the integers with but found none"):
        quantise(network, tmp_path / "small.onnx", np.zeros((0, 64), np.float32))
    with pytest.raises(ExportError, match=r"can quantise but .*dense\.onnx fails"):
        quantise(network, tmp_path / "small.onnx", np.zeros((2, 63), np.float32))
    assert list(tmp_path.iterdir()) == []
