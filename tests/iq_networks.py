"""An ONNX network that tells the phase of a carrier at 0 Hz, and recordings that change theirs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.amr.recogniser import SignalInfo

DIRECTIONS = ("east", "north", "west", "south")  # of the mean of I + jQ
LENGTH = 16


def compass(path: Path, metadata: dict[str, str] | None = None, scale: float = 20.0, **info) -> Path:
    """Write a network whose logits are ``scale`` times the mean of I, Q, -I and -Q over a frame of 16 samples."""
    told = {"classes": DIRECTIONS, "length": LENGTH, "sample_rate": 1000.0, "samples_per_symbol": (4, 16), **info}
    weights = scale * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["iq"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Gemm", ["mean", "weights"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "compass",
        [helper.make_tensor_value_info("iq", TensorProto.FLOAT, ["batch", 2, LENGTH])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, SignalInfo(**told).as_metadata() if metadata is None else metadata)
    onnx.save(model, path)
    return path


def walk(phases: str, samples: int = 160, noise: float = 0.01) -> np.ndarray:
    """A carrier of amplitude 1 that points ``samples`` long to each of "ENWS", "." being noise alone; complex64."""
    points = {"E": 1, "N": 1j, "W": -1, "S": -1j, ".": 0}
    carrier = np.repeat([points[phase] for phase in phases], samples)
    random = np.random.default_rng(0)
    noises = random.standard_normal((2, len(carrier))) * noise
    return (carrier + noises[0] + 1j * noises[1]).astype(np.complex64)
