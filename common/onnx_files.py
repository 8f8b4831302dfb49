"""ONNX files as those who use them see them: what they say of themselves, sessions, and copies in 8-bit integers."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from common.atomic import atomic_write
from common.errors import CheckpointError, ConfigError, DataError
from common.export import ExportError

INT8_SUFFIX = ".int8.onnx"
# What has weights. All else stays in floating point, such as what brings inputs of any range to one.
QUANTISED = ("Conv", "Gemm", "MatMul")


def open_session(model: str | Path | bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """onnxruntime on the CPU, with so many threads (by default one per core).

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    if not isinstance(model, bytes) and not Path(model).is_file():
        raise CheckpointError(f"expected an ONNX file at {model} but found none; check the path")
    try:
        source = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen types that share no base
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"expected an ONNX file but {model} cannot be loaded: {reason}; export it again"
        ) from error


def read_metadata(path: str | Path) -> dict[str, str]:
    """What is stored in an ONNX file beside the network.

    Raises:
        CheckpointError: if the file is missing or damaged.
    """
    if not Path(path).is_file():
        raise CheckpointError(f"expected an ONNX file at {path} but found none; check the path")
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own types
        raise CheckpointError(f"expected an ONNX file but {path} cannot be read: {error}; export it again") from error
    return {entry.key: entry.value for entry in model.metadata_props}


def check_export(
    checkpoint: str | Path,
    out: str | Path,
    onnx_file: str | Path | None,
    int8: bool,
    calibration_frames: int,
    part: str,
    frame: str = "frame",
) -> None:
    """Refuse options of an export that do not fit each other, before anything is read.

    Args:
        checkpoint: the trained weights.
        out: the plain checkpoint to write.
        onnx_file: the ONNX file to write, or None.
        int8: whether one in 8-bit integers is asked for.
        calibration_frames: how many inputs give the integers' ranges.
        part: of the data on which both are compared.
        frame: what an input is called.

    Raises:
        ConfigError: naming the first that does not fit.
    """
    if Path(out).resolve() == Path(checkpoint).resolve():
        raise ConfigError(f"expected a new file such as student.pth but found {out}, the checkpoint itself")
    if onnx_file is not None and Path(onnx_file).suffix != ".onnx":
        raise ConfigError(f"expected an ONNX file named *.onnx but found {onnx_file}")
    if int8 and onnx_file is None:
        raise ConfigError("expected --onnx FILE, beside which the one in integers is written, but found --int8 alone")
    if calibration_frames < 1:
        raise ConfigError(f"expected at least one {frame} to calibrate with but found {calibration_frames}")
    if part not in ("val", "test"):
        raise ConfigError(f"expected part 'val' or 'test' but found {part!r}")


class _Batches(CalibrationDataReader):
    """Hands out frames ``[N, ...]`` in batches, under the name of the network's input."""

    def __init__(self, frames: np.ndarray, name: str, batch: int):
        self._batches = iter([{name: frames[start : start + batch]} for start in range(0, len(frames), batch)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, None after the last."""
        return next(self._batches, None)


def quantise(network: str | Path, out: str | Path, frames: np.ndarray, batch: int = 256) -> dict[str, Any]:
    """Write a network with 8-bit weights and features, whose ranges it takes from how it answers to ``frames``.

    Static quantisation of onnxruntime: convolutions and dense layers compute in integers (QuantizeLinear and
    DequantizeLinear around them), weights with a scale for each channel. Everything else stays in floating point.

    Args:
        network: an ONNX file with one input; its metadata are kept.
        out: the file to write; never half-written.
        frames: float32 ``[N, ...]``, inputs of the training data.
        batch: of them at a time; all features of a batch are kept at once.

    Returns:
        'path', 'megabytes' and 'calibration_frames'.

    Raises:
        DataError: without frames.
        ExportError: if onnxruntime can't quantise the network.
    """
    if not len(frames):
        raise DataError("expected frames to calibrate the integers with but found none")
    model = onnx.load(network)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared, written = Path(folder, "prepared.onnx"), Path(folder, "int8.onnx")
        try:
            quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(written),
                _Batches(frames, model.graph.input[0].name, batch),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:  # whatever an operator that it does not know leads to
            raise ExportError(
                f"expected a network that onnxruntime can quantise but {network} fails with: {error}; use it as it is"
            ) from error
        quantised = onnx.load(written)
    onnx.helper.set_model_props(quantised, {entry.key: entry.value for entry in model.metadata_props})
    content = quantised.SerializeToString()
    with atomic_write(out) as file:
        file.write(content)
    return {"path": str(out), "megabytes": len(content) / 1e6, "calibration_frames": len(frames)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without onnxruntime's advice, which is followed here, on every run."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(level)
