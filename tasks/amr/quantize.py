"""ONNX networks in 8-bit integers: calibrated on frames, with what it costs in accuracy."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch.utils.data import DataLoader, Dataset, Subset

from common.atomic import atomic_write
from common.errors import DataError
from common.export import ExportError
from common.sample_batch import join_samples
from tasks.amr.recogniser import open_session

# What has weights. The normalisation stays in floating point: frames come at any amplitude, integers have one range.
QUANTISED = ("Conv", "Gemm", "MatMul")
BATCH = 256


class _Frames(CalibrationDataReader):
    """Hands out frames ``[N, 2, L]`` in batches, under the name of the network's input."""

    def __init__(self, frames: np.ndarray, name: str):
        self._batches = iter([{name: frames[start : start + BATCH]} for start in range(0, len(frames), BATCH)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, None after the last."""
        return next(self._batches, None)


def choose_frames(dataset: Dataset, most: int, seed: int = 0) -> np.ndarray:
    """At most so many frames of a data set, drawn without replacement: float32 ``[n, 2, L]``."""
    rows = np.random.default_rng(seed).permutation(len(dataset))[:most]
    return np.concatenate([frames for frames, _ in labelled_frames(Subset(dataset, np.sort(rows).tolist()))])


def labelled_frames(dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All frames in batches: float32 ``[n, 2, L]`` and their classes, int64 ``[n]``."""
    for batch in DataLoader(dataset, BATCH, collate_fn=join_samples):
        yield batch["inputs"].numpy(), batch["data_samples"].gt_label.numpy()


def quantise(network: str | Path, out: str | Path, frames: np.ndarray) -> dict[str, Any]:
    """Write a network with 8-bit weights and features, whose ranges it takes from how it answers to ``frames``.

    Static quantisation of onnxruntime: convolutions and dense layers compute in integers (QuantizeLinear and
    DequantizeLinear around them), weights with a scale for each channel. Recurrent layers and the normalisation stay
    in floating point.

    Args:
        network: an ONNX file with one input; its metadata are kept.
        out: the file to write; never half-written.
        frames: float32 ``[N, 2, L]``, of the training data.

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
                _Frames(frames, model.graph.input[0].name),
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
    onnx.helper.set_model_props(quantised, {prop.key: prop.value for prop in model.metadata_props})
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


def compare(networks: Mapping[str, str | Path], dataset: Dataset) -> dict[str, Any]:
    """Accuracy of ONNX networks on the same frames, by onnxruntime.

    Args:
        networks: name -> file, each ``[B, 2, L] -> [B, K]``.
        dataset: labelled frames.

    Returns:
        'frames' (how many), 'accuracy' (name -> percent) and 'agreement' (percent of frames that all give one class).
    """
    sessions = {name: open_session(path) for name, path in networks.items()}
    right = dict.fromkeys(networks, 0)
    count = agreed = 0
    for frames, labels in labelled_frames(dataset):
        answers = []
        for name, session in sessions.items():
            answers.append(session.run(None, {session.get_inputs()[0].name: frames})[0].argmax(axis=1))
            right[name] += int((answers[-1] == labels).sum())
        agreed += int((np.stack(answers) == answers[0]).all(axis=0).sum())
        count += len(labels)
    accuracy = {name: 100 * hits / count for name, hits in right.items()}
    return {"frames": count, "accuracy": accuracy, "agreement": 100 * agreed / count}
