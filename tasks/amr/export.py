"""A trained network as files that need none of this project: a plain checkpoint, ONNX, and ONNX in 8-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from common.checkpoint import read_checkpoint
from common.classification.entry import load_classifier
from common.config import read_config
from common.errors import ConfigError
from common.export import export_onnx, export_student
from common.onnx_files import INT8_SUFFIX, check_export, quantise
from common.report import write_json
from common.training import set_data_root
from tasks.amr.leakage import check_training
from tasks.amr.quantize import choose_frames, compare, labelled_frames
from tasks.amr.recogniser import SignalInfo, check_temperature, signal_info
from tasks.amr.scores import fit_temperature

FIT = "fit"
# Of the largest logit; onnxruntime sums in another order than torch.
TOLERANCE = 1e-4


def export(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    onnx: str | Path | None = None,
    trust: bool = False,
    int8: bool = False,
    calibration_frames: int = 1024,
    part: str = "test",
    data_root: str | None = None,
    temperature: str | float | None = None,
    samples_per_symbol: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Write a network as a plain checkpoint, and as ONNX if asked for: frames in, logits out, normalisation inside.

    Beside NAME.onnx stand NAME.int8.onnx, if asked for, and NAME.json with what is returned. Names of the classes,
    frame length, normalisation, sample rate, samples per symbol and temperature are stored in all of them.

    Args:
        config: of the network, or of the run that distilled it.
        checkpoint: its trained weights; every key must fit.
        out: the plain checkpoint.
        onnx: the ONNX file, any number of frames of the network's length; without it none is written.
        trust: unpickle any object in the checkpoint.
        int8: also write it in 8-bit integers, calibrated on frames of the config's training data.
        calibration_frames: how many.
        part: of the config's data on which both are compared, 'val' or 'test'.
        data_root: folder of the data, in place of the config's.
        temperature: that belongs to the logits; 'fit' takes it from the config's validation data; by default that
            of the checkpoint, or else 1.
        samples_per_symbol: the least and the most of the training data, where these do not tell.

    Returns:
        'checkpoint', 'parameters', 'signal' (what the files tell), 'onnx' (what `export_onnx` returns, or None) and
        'int8' (None, or what `common.onnx_files.quantise` and `tasks.amr.quantize.compare` return).

    Raises:
        ConfigError: if an option needs another, or the config is no network for signals.
        CheckpointError: if the weights do not fit, or nothing tells the classes.
        DataError: if the data that an option needs is not there, or of other classes or another split than the
            checkpoint's.
        ExportError: if an ONNX file can't be made or does not agree with torch.
    """
    check_export(checkpoint, out, onnx, int8, calibration_frames, part)
    cfg = read_config(config)
    model = load_classifier(cfg, checkpoint, "cpu", trust)
    stored = read_checkpoint(checkpoint, trust)
    info = signal_info(model, cfg, stored, str(checkpoint))
    if samples_per_symbol is not None:
        info = SignalInfo.of_dict({**info.as_dict(), "samples_per_symbol": samples_per_symbol})
    # Built before anything is written, so that missing data is said first.
    wanted = {*(("train", part) if int8 else ()), *(("val",) if temperature == FIT else ())}
    data = {name: build_part(cfg, name, data_root) for name in sorted(wanted)}
    for dataset in data.values():
        check_training(stored, dataset, str(checkpoint))
    if temperature is not None:
        found = fit_to(model, data["val"]) if temperature == FIT else temperature
        info = replace(info, temperature=check_temperature(found))
    export_student(checkpoint, out, model, {"signal": info.as_dict()}, trust)
    report: dict[str, Any] = {
        "checkpoint": str(out),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "signal": info.as_dict(),
        "onnx": None,
        "int8": None,
    }
    if onnx is None:
        return report
    metadata = info.as_metadata()
    report["onnx"] = export_onnx(
        model.network, onnx, _example(info.length), ["iq"], ["logits"], tolerance=TOLERANCE, metadata=metadata
    )
    if int8:
        small = Path(onnx).with_suffix(INT8_SUFFIX)
        report["int8"] = quantise(onnx, small, choose_frames(data["train"], calibration_frames))
        report["int8"] |= {"part": part, **compare({"fp32": onnx, "int8": small}, data[part])}
    write_json(Path(onnx).with_suffix(".json"), report)
    return report


def build_part(cfg: Config, part: str, data_root: str | None = None) -> Dataset:
    """The data set of a config's ``<part>_dataloader``.

    Raises:
        ConfigError: if it has none.
        DataError: if its file is not there.
    """
    settings = (cfg.get(f"{part}_dataloader") or {}).get("dataset")
    if settings is None:
        raise ConfigError(f"expected {part}_dataloader.dataset but found none in {cfg.filename}; add it")
    if data_root is not None:
        set_data_root(settings, data_root)
    return DATASETS.build(settings)


def fit_to(model: nn.Module, dataset: Dataset) -> float:
    """The temperature that fits a network's logits on labelled frames best; see `tasks.amr.scores.fit_temperature`."""
    logits, labels = [], []
    with torch.no_grad():
        for frames, classes in labelled_frames(dataset):
            logits.append(model(torch.from_numpy(frames)))
            labels.append(torch.from_numpy(classes))
    return fit_temperature(torch.cat(logits), torch.cat(labels))


def _example(length: int) -> Tensor:
    """Two frames of noise ``[2, 2, L]``, the same every time."""
    return torch.randn(2, 2, length, generator=torch.Generator().manual_seed(0))
