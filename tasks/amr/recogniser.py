"""Trained networks as those who use them see them: what they know, and frames to log-probabilities."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch import nn

from common.checkpoint import read_checkpoint
from common.classification.entry import load_classifier
from common.config import read_config
from common.errors import CheckpointError, ConfigError, UserError
from common.onnx_files import open_session

TASK = "amr"
INPUT = "IQ, float32, [batch, 2, length]: I in row 0, Q in row 1, of any amplitude"


@dataclass(frozen=True)
class SignalInfo:
    """What a network expects and tells: stored in ONNX files and exported checkpoints.

    Attributes:
        classes: names of its outputs, in order.
        length: samples in a frame.
        sample_rate: of the signals it was trained on, in Hz, or None.
        samples_per_symbol: the least and the most that it was trained on, or None.
        normalize: what its first layer does to the scale of a frame, see `tasks.amr.normalize.IQNormalize`.
        temperature: that its logits are divided by before softmax.
    """

    classes: tuple[str, ...]
    length: int
    sample_rate: float | None = None
    samples_per_symbol: tuple[float, float] | None = None
    normalize: str = "rms"
    temperature: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """In plain values."""
        span = self.samples_per_symbol
        return {**vars(self), "classes": list(self.classes), "samples_per_symbol": span and list(span)}

    def as_metadata(self) -> dict[str, str]:
        """As an ONNX file stores it: each value as JSON, and what the input is."""
        return {"task": TASK, "input": INPUT, **{key: json.dumps(value) for key, value in self.as_dict().items()}}

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, str], source: str) -> SignalInfo:
        """What `as_metadata` made.

        Raises:
            CheckpointError: if an entry is missing or damaged.
        """
        missing = [key for key in ("classes", "length", "temperature") if key not in metadata]
        if missing:
            raise CheckpointError(
                f"expected an ONNX file that tools/export.py wrote for modulation recognition but found no metadata "
                f"{', '.join(missing)} in {source}; export the network again"
            )
        try:
            return cls.of_dict(
                {each.name: json.loads(metadata[each.name]) for each in fields(cls) if each.name in metadata}
            )
        except (ValueError, TypeError) as error:
            raise CheckpointError(
                f"expected metadata in JSON but found {error} in {source}; export it again"
            ) from error

    @classmethod
    def of_dict(cls, values: Mapping[str, Any]) -> SignalInfo:
        """From plain values; one number of samples per symbol stands for a range."""
        span = values.get("samples_per_symbol")
        if span is not None:
            ends = list(span) if isinstance(span, Sequence) else [span]
            span = (float(min(ends)), float(max(ends)))
        return cls(**{**values, "classes": tuple(values["classes"]), "samples_per_symbol": span})


@dataclass
class Recogniser:
    """A trained network.

    Attributes:
        path: its file.
        info: what it knows.
        logits: frames, float32 ``[W, 2, L]``, to scores ``[W, K]``.
        origin: what a user is to know of where it comes from.
    """

    path: Path
    info: SignalInfo
    logits: Callable[[np.ndarray], np.ndarray]
    origin: str = ""

    @property
    def name(self) -> str:
        """Of its file."""
        return self.path.name

    def log_probabilities(self, frames: np.ndarray) -> np.ndarray:
        """Of the classes, after the temperature: float32 ``[W, 2, L]`` to float32 ``[W, K]``."""
        scores = self.logits(frames) / np.float32(self.info.temperature)
        scores = scores - scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def load_onnx(path: str | Path, threads: int | None = None, length: int | None = None) -> Recogniser:
    """A network that `tasks.amr.export` wrote, in onnxruntime.

    Args:
        path: its file.
        threads: by default one per core.
        length: samples of the frames that it is to hear, where these are not its own: see `_opened`.

    Raises:
        CheckpointError: if the file is missing or damaged, is another kind of network, or its layers do not take frames
            of ``length``.
    """
    session = open_session(path, threads)
    info = SignalInfo.of_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shapes = [list(inputs[0].shape[1:]), list(outputs[0].shape[1:])]
    if len(inputs) != 1 or shapes != [[2, info.length], [len(info.classes)]]:
        raise CheckpointError(
            f"expected frames [batch, 2, {info.length}] to {len(info.classes)} classes, as its metadata say, but found "
            f"inputs and outputs {shapes} in {path}; export it again"
        )
    name = inputs[0].name
    if length not in (None, info.length):
        session = _opened(path, threads, length, info)
    return Recogniser(Path(path), info, lambda frames: session.run(None, {name: frames})[0])


def _opened(path: str | Path, threads: int | None, length: int, info: SignalInfo) -> onnxruntime.InferenceSession:
    """The same network, whose input is declared to have another length; its layers hear the frames as they are.

    That is what convolutions and means over time do at any length. A layer of fixed size fails, or takes two short
    frames for a long one: it has no answer to a single frame, or too few to two.
    """
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = length
    del model.graph.value_info[:]  # sizes between the layers, which are others now
    name = model.graph.input[0].name
    frames = np.random.default_rng(0).standard_normal((2, 2, length)).astype(np.float32)
    try:
        session = open_session(model.SerializeToString(), threads)
        answers = [len(session.run(None, {name: frames[:count]})[0]) for count in (1, 2)]
        is_fit = answers == [1, 2]
    except Exception:  # onnxruntime has a dozen types that share no base
        is_fit = False
    if not is_fit:
        raise CheckpointError(
            f"expected frames of {info.length} samples for {path} but found {length}, which its layers do not take; "
            f"use frames of {info.length}, or train it at {length}"
        )
    return session


def load_checkpoint(config: str | Path, checkpoint: str | Path, device: str = "cpu", trust: bool = False) -> Recogniser:
    """A trained network in torch.

    Raises:
        ConfigError: if the config is no network for signals, or there is no such device.
        CheckpointError: if the weights do not fit, or nothing says what the classes are.
    """
    cfg = read_config(config)
    model = load_classifier(cfg, checkpoint, device, trust)
    info = signal_info(model, cfg, read_checkpoint(checkpoint, trust), str(checkpoint))

    def logits(frames: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(frames).to(device)).float().cpu().numpy()

    return Recogniser(Path(checkpoint), info, logits)


def signal_info(model: nn.Module, cfg: Config, checkpoint: Mapping[str, Any], source: str) -> SignalInfo:
    """What a network knows: from its layers, and from what its checkpoint, or else its config's data, say.

    Args:
        model: a `common.classification.model.Classifier` around a `tasks.amr.models.IQClassifier`.
        cfg: its config.
        checkpoint: content of its file.
        source: the file, for messages.

    Raises:
        ConfigError: if the network is not one for signals.
        CheckpointError: if nothing says what the classes are, or their number is not the network's.
    """
    network = getattr(model, "network", None)
    if not all(hasattr(network, name) for name in ("length", "num_classes", "normalize")):
        raise ConfigError(
            f"expected a network for IQ frames in {cfg.filename} but found {type(network or model).__name__}"
        )
    meta = checkpoint.get("meta") or {}
    if "signal" in meta:
        known = dict(meta["signal"])
    else:
        data = meta.get("dataset_meta") or _described_by_data(cfg)
        keys = ("classes", "sample_rate", "samples_per_symbol")
        known = {key: data[key] for key in keys if data.get(key) is not None}
    if len(known.get("classes", ())) != network.num_classes:
        raise CheckpointError(
            f"expected the names of {network.num_classes} classes in {source}, or in the data of {cfg.filename}, but "
            f"found {len(known.get('classes', ()))}; set its data_root, or use the checkpoint that the training wrote"
        )
    return SignalInfo.of_dict({**known, "length": network.length, "normalize": network.normalize.mode})


def _described_by_data(cfg: Config) -> Mapping[str, Any]:
    for part in ("test", "val", "train"):
        loader = cfg.get(f"{part}_dataloader")
        if loader:
            try:
                return DATASETS.build(loader.dataset).metainfo
            except UserError:  # data that is not here can say nothing
                continue
    return {}


def check_temperature(temperature: str | float) -> float:
    """A temperature that logits can be divided by, from a command line or a fit.

    Raises:
        ConfigError: unless it is a positive number.
    """
    try:
        value = float(temperature)
    except ValueError as error:
        raise ConfigError(f"expected a temperature that is a number or 'fit' but found {temperature!r}") from error
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"expected a positive temperature but found {temperature}")
    return value
