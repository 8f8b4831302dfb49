"""Plain checkpoints and ONNX files of a distilled student."""

from __future__ import annotations

import logging
import statistics
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from common.atomic import atomic_write
from common.checkpoint import file_sha256, load_strictly, read_checkpoint, save_atomically, state_dict_of
from common.errors import DataError, UserError
from common.modes import in_eval_mode

KEPT_META = ("dataset_meta", "epoch", "iter", "seed", "time", "mmengine_version", "experiment_name")
WARM_UP_RUNS = 3


class ExportError(UserError):
    """A network that can't be written as ONNX, or whose ONNX file computes something else."""


def refuse_to_replace(files: Iterable[Path]) -> None:
    """See that none of the files that are about to be written is there.

    Raises:
        DataError: naming those that are.
    """
    there = [str(file) for file in files if file.exists()]
    if there:
        raise DataError(f"expected new files but found {', '.join(there)}; name others, or replace them with --force")


def export_student(
    checkpoint: str | Path,
    out: str | Path,
    model: nn.Module | None = None,
    meta: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> dict[str, Any]:
    """Write a training checkpoint's student as a plain checkpoint: weights, what they are, where they come from.

    Args:
        checkpoint: of a training run; optimiser, adapters and message hub in it are left out.
        out: the file to write; never half-written.
        model: the student, filled with the weights; every key must fit. None skips the check.
        meta: entries to add to the run's own, such as ``dataset_meta`` and ``cfg``.
        trust: unpickle arbitrary objects in ``checkpoint``, which can run code of whoever made it.

    Returns:
        What was written: 'state_dict' (as if no distillation had happened), 'meta' (plain values only) and
        'distill' (provenance: the run's own entries, and the SHA-256 of the file exported from).

    Raises:
        CheckpointError: if the checkpoint is missing, damaged, or of another architecture than ``model``.
    """
    stored = read_checkpoint(checkpoint, trust)
    # Cloned, so that a tensor that is a view of a larger one does not take all of it along.
    state_dict = {name: tensor.detach().cpu().clone() for name, tensor in state_dict_of(stored).items()}
    if model is not None:
        load_strictly(model, state_dict, str(checkpoint))
    own_meta = {key: value for key, value in stored.get("meta", {}).items() if key in KEPT_META}
    exported = {
        "state_dict": state_dict,
        "meta": plain({**own_meta, **(meta or {})}),
        "distill": plain(stored.get("distill", {})) | {"exported_from_sha256": file_sha256(checkpoint)},
    }
    save_atomically(exported, out)
    return exported


def plain(value: Any) -> Any:
    """``value`` in types that `torch.load` accepts with ``weights_only=True``; others become their text."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value)) if type(value) in (list, tuple) else list(map(plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value if value is None or isinstance(value, (str, int, float, bool, Tensor)) else str(value)


def export_onnx(
    model: nn.Module,
    path: str | Path,
    example_input: Tensor | Sequence[Tensor],
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int = 18,
    dynamic_batch: bool = True,
    tolerance: float = 1e-3,
    timing_runs: int = 20,
    metadata: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write a network as ONNX, compare onnxruntime's outputs with torch's, and time it.

    It is torch.export's graph that is written (``dynamo=True``): the older TorchScript exporter refuses the
    adaptive pooling of PSPNet and DeepLab where the grid is no multiple of the pooled size. Height and width
    are fixed to the example's, because pooling and resizing are laid out for them.

    Args:
        model: exported in eval mode; its own mode comes back afterwards.
        path: the file to write; nothing is left there unless all checks pass.
        example_input: one tensor per argument, batch first. Representative values make the check mean something.
        input_names: one per argument.
        output_names: one per output.
        opset: version of the ONNX operators.
        dynamic_batch: let the file accept any batch size.
        tolerance: largest difference to torch, relative to the largest absolute output (or absolute, where
            that is below 1). For integer outputs, the share of entries that may differ.
        timing_runs: how many single-example runs the latency is the median of.
        metadata: stored in the file, for whoever loads it.

    Returns:
        'path', 'opset', 'input_shape', 'megabytes', 'max_abs_difference' (share of differing entries for integer
        outputs), 'latency_ms' (median, onnxruntime, one example, one thread), 'latency_ms_quartiles',
        'timing_runs', 'onnxruntime' (its version).

    Raises:
        ExportError: if the network can't be exported or onnxruntime computes something else than torch.
    """
    path = Path(path)
    inputs = (example_input,) if isinstance(example_input, Tensor) else tuple(example_input)
    with in_eval_mode(model), torch.no_grad():
        graph = _trace(model, inputs, input_names, output_names, opset, dynamic_batch)
        onnx.helper.set_model_props(graph, dict(metadata or {}))
        content = graph.SerializeToString()
        session = _session(content)
        differences = [_difference(model, session, batch, path, tolerance) for batch in _checks(inputs, dynamic_batch)]
    latencies = _latencies(session, [tensor[:1] if dynamic_batch else tensor for tensor in inputs], timing_runs)
    with atomic_write(path) as file:
        file.write(content)
    return {
        "path": str(path),
        "opset": opset,
        "input_shape": ["batch" if dynamic_batch else len(inputs[0]), *inputs[0].shape[1:]],
        "megabytes": len(content) / 1e6,
        "max_abs_difference": max(differences),
        "latency_ms": statistics.median(latencies),
        "latency_ms_quartiles": [float(quartile) for quartile in np.percentile(latencies, [25, 75])],
        "timing_runs": timing_runs,
        "onnxruntime": onnxruntime.__version__,
    }


def _trace(
    model: nn.Module,
    inputs: tuple[Tensor, ...],
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int,
    dynamic_batch: bool,
) -> onnx.ModelProto:
    shapes = None
    if dynamic_batch:
        # torch.export takes a dimension of size 1 for a constant: trace with two examples.
        inputs = tuple(torch.cat([tensor, tensor]) if len(tensor) == 1 else tensor for tensor in inputs)
        batch = torch.export.Dim("batch")
        shapes = tuple({0: batch} for _ in inputs)
    try:
        with _quiet_exporter():
            program = torch.onnx.export(
                model,
                inputs,
                input_names=list(input_names),
                output_names=list(output_names),
                opset_version=opset,
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter raises a dozen types, none of which the user can act on
        cause = error.__cause__ or error  # the exporter's own text is about its stages
        reason = str(cause).strip().splitlines() or [type(cause).__name__]
        raise ExportError(
            f"expected a network that torch.onnx can export but {type(model).__name__} fails with: {reason[0]}; "
            "try another opset, or use the plain checkpoint"
        ) from error
    graph = program.model_proto
    for node in [*graph.graph.node, *(node for function in graph.functions for node in function.node)]:
        del node.metadata_props[:]  # stack traces, with the paths of this machine in them
    return graph


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Without the exporter's remarks on what it folds, and the graphs that it logs where it fails."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _checks(inputs: tuple[Tensor, ...], dynamic_batch: bool) -> Iterator[tuple[Tensor, ...]]:
    """The example mirrored, which a constant frozen into the graph does not survive, in one or more batch sizes."""
    mirrored = tuple(tensor.flip(-1) for tensor in inputs)
    yield mirrored
    if dynamic_batch:
        yield tuple(torch.cat([tensor, tensor, other]) for tensor, other in zip(inputs, mirrored, strict=True))


def _difference(
    model: nn.Module,
    session: onnxruntime.InferenceSession,
    inputs: tuple[Tensor, ...],
    path: Path,
    tolerance: float,
) -> float:
    """Largest difference between torch and onnxruntime over all outputs; raises above the tolerance."""
    outputs = model(*inputs)
    expected = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    found = _run(session, inputs)
    largest = 0.0
    for name, torch_output, onnx_output in zip(session.get_outputs(), expected, found, strict=True):
        reference = torch_output.cpu().numpy()
        if reference.shape != onnx_output.shape:
            raise ExportError(
                f"expected output {name.name!r} of shape {reference.shape} but found {onnx_output.shape} from "
                f"onnxruntime; {path} was not written: check for shapes that depend on the input's values"
            )
        if torch_output.is_floating_point():
            difference = float(np.abs(reference - onnx_output).max())
            allowed = tolerance * max(1.0, float(np.abs(reference).max()))
        else:
            difference = float((reference != onnx_output).mean())
            allowed = tolerance
        if not difference <= allowed:  # NaN is refused too
            raise ExportError(
                f"expected onnxruntime to agree with torch to {allowed:.3g} in output {name.name!r} but found a "
                f"difference of {difference:.3g}; {path} was not written: try another opset"
            )
        largest = max(largest, difference)
    return largest


def _run(session: onnxruntime.InferenceSession, inputs: Sequence[Tensor]) -> list[np.ndarray]:
    names = [argument.name for argument in session.get_inputs()]
    return session.run(None, {name: tensor.cpu().numpy() for name, tensor in zip(names, inputs, strict=True)})


def _latencies(session: onnxruntime.InferenceSession, inputs: Sequence[Tensor], runs: int) -> list[float]:
    """Milliseconds of each of ``runs`` runs, after a few that are not counted."""
    milliseconds = []
    for _ in range(WARM_UP_RUNS + runs):
        start = time.perf_counter()
        _run(session, inputs)
        milliseconds.append(1e3 * (time.perf_counter() - start))
    return milliseconds[WARM_UP_RUNS:]
