"""A trained network as files that need none of this project: a plain checkpoint, ONNX, and ONNX in 8-bit integers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from common.checkpoint import read_checkpoint
from common.cost import count_parameters
from common.export import export_onnx, export_student
from common.export_input import NormalisedInput, smooth_image
from common.onnx_files import INT8_SUFFIX, check_export, open_session, quantise
from common.report import write_json
from common.sample_batch import join_samples
from tasks.landmarks.crop import apply, invert
from tasks.landmarks.datasets import FaceDataset, build_dataset
from tasks.landmarks.landmarker import landmark_info
from tasks.landmarks.metrics import normalised_errors
from tasks.landmarks.model import LandmarkModel, load_landmark_model

# Of the largest coordinate, which is near the crop's side: 0.02 pixels of 224.
TOLERANCE = 1e-4
BATCH = 32


class LandmarkExport(nn.Module):
    """A network with its preprocessing inside: crops of 0 to 255 in, points in pixels of the crops out.

    Args:
        model: with its ``data_preprocessor``.
        size: side of the crops.
    """

    def __init__(self, model: LandmarkModel, size: int):
        super().__init__()
        self.normalised = NormalisedInput(model.data_preprocessor, "rgb")
        self.network, self.size = model.network, size

    def forward(self, image: Tensor) -> Tensor:
        """Points of faces.

        Args:
            image: RGB ``[B, 3, S, S]``, float, 0 to 255.

        Returns:
            ``[B, n, 2]``, x and y in pixels of the crop; (0, 0) is the middle of its first pixel.
        """
        shares = self.network.points(self.network(self.normalised(image)))
        return (shares.view(-1, self.network.num_points, 2) + 0.5) * self.size - 0.5


def export(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    onnx: str | Path | None = None,
    trust: bool = False,
    int8: bool = False,
    calibration_frames: int = 256,
    part: str = "test",
    data_root: str | None = None,
) -> dict[str, Any]:
    """Write a network as a plain checkpoint, and as ONNX if asked for: crops in, points in pixels of the crops out.

    Beside NAME.onnx stand NAME.int8.onnx, if asked for, and NAME.json with what is returned. The scheme of the points,
    the crop's size, its margin, and where the points lie in a detector's box of a face are stored in all of them.

    Args:
        config: of the network, or of the run that distilled it.
        checkpoint: its trained weights; every key must fit.
        out: the plain checkpoint.
        onnx: the ONNX file, for any number of crops of the network's size; without it none is written.
        trust: unpickle any object in the checkpoint.
        int8: also write it in 8-bit integers, calibrated on faces of the config's training data.
        calibration_frames: how many of them.
        part: of the config's data on which both are compared, 'val' or 'test'.
        data_root: folder of the data, in place of the config's.

    Returns:
        'checkpoint', 'parameters', 'landmarks' (what the files tell), 'onnx' (what `export_onnx` returns, or None) and
        'int8' (None, or what `common.onnx_files.quantise` and `compare` return).

    Raises:
        ConfigError: if an option needs another, or the config is no network for landmarks.
        CheckpointError: if the weights do not fit, or nothing tells the scheme.
        DataError: if the data that an option needs is not there.
        ExportError: if an ONNX file can't be made or does not agree with torch.
    """
    check_export(checkpoint, out, onnx, int8, calibration_frames, part, "face")
    model, cfg = load_landmark_model(config, checkpoint, "cpu", trust=trust)
    info = landmark_info(cfg, read_checkpoint(checkpoint, trust), model.network.num_points, str(checkpoint), data_root)
    # Built before anything is written, so that missing data is said first.
    data = {name: build_dataset(cfg, name, data_root) for name in ("train", part)} if int8 else {}
    export_student(checkpoint, out, model, {"landmarks": info.as_dict()}, trust)
    report: dict[str, Any] = {
        "checkpoint": str(out),
        "parameters": count_parameters(model),
        "landmarks": info.as_dict(),
        "onnx": None,
        "int8": None,
    }
    if onnx is None:
        return report
    network, metadata = LandmarkExport(model, info.size), info.as_metadata()
    report["onnx"] = export_onnx(
        network, onnx, smooth_image(info.size, info.size), ["image"], ["points"], tolerance=TOLERANCE, metadata=metadata
    )
    if int8:
        small = Path(onnx).with_suffix(INT8_SUFFIX)
        report["int8"] = quantise(onnx, small, choose_crops(data["train"], calibration_frames), BATCH)
        report["int8"] |= {"part": part, **compare({"fp32": onnx, "int8": small}, data[part])}
    write_json(Path(onnx).with_suffix(".json"), report)
    return report


def choose_crops(dataset: Dataset, most: int, seed: int = 0) -> np.ndarray:
    """At most so many crops of a data set, drawn without replacement: float32 ``[N, 3, S, S]``, 0 to 255."""
    rows = np.random.default_rng(seed).permutation(len(dataset))[:most]
    loader = DataLoader(Subset(dataset, np.sort(rows).tolist()), BATCH, collate_fn=join_samples)
    return np.concatenate([batch["inputs"].numpy() for batch in loader]).astype(np.float32)


def compare(networks: Mapping[str, str | Path], dataset: FaceDataset) -> dict[str, Any]:
    """Errors of ONNX networks on the same faces, by onnxruntime.

    Args:
        networks: name -> file, each ``[B, 3, S, S] -> [B, n, 2]``.
        dataset: labelled faces.

    Returns:
        'faces' (how many), 'nme_ocular' (name -> percent) and 'moved' (mean distance between points of the first and
        the last network, as a share of the crop, in percent).
    """
    sessions = {name: open_session(path) for name, path in networks.items()}
    errors: dict[str, list[np.ndarray]] = {name: [] for name in networks}
    moved = []
    for batch in DataLoader(dataset, BATCH, collate_fn=join_samples):
        crops, samples = batch["inputs"].numpy().astype(np.float32), batch["data_samples"]
        gt, back = samples.image_points.numpy().astype(np.float64), invert(samples.to_crop.numpy())
        found = {name: run.run(None, {run.get_inputs()[0].name: crops})[0] for name, run in sessions.items()}
        for name, points in found.items():
            distances = dataset.scheme.distance(gt, "ocular")
            errors[name].append(normalised_errors(apply(back, points.astype(np.float64)), gt, distances).mean(axis=1))
        first, *_, last = found.values()
        moved.append(np.linalg.norm(first - last, axis=2).mean(axis=1) / dataset.size)
    return {
        "faces": len(dataset),
        "nme_ocular": {name: 100 * float(np.concatenate(each).mean()) for name, each in errors.items()},
        "moved": 100 * float(np.concatenate(moved).mean()),
    }
