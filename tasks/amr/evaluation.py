"""Evaluate networks on the frames of a data set, several checkpoints of one network being seeds of one arm."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import print_log
from torch import Tensor, nn

from common.checkpoint import read_checkpoint
from common.classification.data_check import build_from
from common.classification.entry import load_classifier
from common.classification.metrics import class_scores
from common.config import read_config
from common.cost import Latency, count_macs, count_parameters, cpu_latencies, weight_bytes
from common.errors import CheckpointError, ConfigError, DataError
from common.provenance import portable_path
from common.report import track
from common.sources import Source, check_seeds, origin_of
from tasks.amr.datasets import SignalDataset
from tasks.amr.leakage import (
    CAUSES,
    LowSnrCheck,
    check_low_snr,
    check_training,
    same_channel,
    same_file,
    same_generation,
    trained_frames,
    training_meta,
    warnings_of,
)
from tasks.amr.metrics import signal_scores
from tasks.amr.scores import Confusion, accuracy, confidence_bins, fit_temperature

BATCH = 512
LATENCY_BATCHES = (1, 256)
PARTS = ("val", "test", "all")


@dataclass(frozen=True)
class Settings:
    """What all networks are evaluated with.

    Attributes:
        part: ``'val'``, ``'test'``, or ``'all'`` frames of the test set's file.
        data_root: folder of the data, in place of the configs'.
        data: file of the frames to evaluate on, in place of the configs'.
        device: ``'cpu'`` or ``'cuda'``, to evaluate on; time is always taken on the CPU.
        rounds: timed forward passes; 0 takes no time.
        options: ``{'dotted.key': value}`` for every config.
        trust: unpickle any object in the checkpoints.
    """

    part: str = "test"
    data_root: str | None = None
    data: str | None = None
    device: str = "cpu"
    rounds: int = 50
    options: Mapping[str, Any] | None = None
    trust: bool = False


@dataclass
class Run:
    """What one checkpoint scores.

    Attributes:
        source: as of `common.sources.origin_of`.
        confusion: counts of frames.
        scores: those of `tasks.amr.metrics.signal_scores`, and, where a temperature could be fitted,
            ``temperature``, ``ece_scaled`` and ``nll_scaled``.
        low_snr: the test for leakage; None without frames at such SNRs.
        trained_on: evaluated frames that are in the part of the data that the checkpoint says it was trained on.
        bins: `confidence_bins`, as the network is, and scaled by its temperature.
        shares_channel: whether the frames come from the frozen channel of those that it was trained on.
    """

    source: dict[str, Any]
    confusion: Confusion
    scores: dict[str, float]
    low_snr: LowSnrCheck | None
    trained_on: int
    bins: tuple[np.ndarray, ...]
    shares_channel: bool = False


class Cost(NamedTuple):
    """What a network costs: numbers to train, multiply-accumulates for a frame, bytes, batch -> time on the CPU."""

    parameters: int
    macs: int
    bytes: int
    latency: dict[int, Latency]


@dataclass
class Arm:
    """The checkpoints of one network, trained alike from different seeds."""

    runs: list[Run]
    cost: Cost

    def values(self, score: str) -> list[float]:
        """A score of every run that has it."""
        return [run.scores[score] for run in self.runs if score in run.scores]

    @cached_property
    def accuracy_by_snr(self) -> np.ndarray:
        """In percent, ``[runs, S]``."""
        return np.stack([accuracy(run.confusion.counts) for run in self.runs])

    @cached_property
    def confusion(self) -> Confusion:
        """Counts over all runs."""
        first, *others = (run.confusion for run in self.runs)
        for other in others:
            first = first + other
        return first


@dataclass
class Evaluation:
    """Arms by name, all evaluated on the same frames.

    Attributes:
        arms: name -> its runs.
        classes: names of the classes.
        data: the file of the frames.
        frames: how many were evaluated.
        threads: that time was taken with.
        notes: what could not be done, and why.
        warnings: what makes the numbers doubtful.
    """

    arms: dict[str, Arm]
    classes: tuple[str, ...]
    data: str
    frames: int
    threads: int
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def snrs(self) -> tuple[float, ...]:
        """Labels in dB, ascending."""
        return next(iter(self.arms.values())).confusion.snrs


class _Network(NamedTuple):
    name: str
    checkpoint: str
    model: nn.Module
    cfg: Config
    stored: dict[str, Any]
    source: dict[str, Any]


def evaluate(sources: Sequence[Source], settings: Settings) -> Evaluation:
    """Score checkpoints on the frames that their configs name, and measure what their networks cost.

    Args:
        sources: the checkpoints; those of one name are seeds of one arm.
        settings: what they share.

    Raises:
        ConfigError: if classes, frames or networks do not fit each other.
        CheckpointError: if a checkpoint does not fit its config, gives scores that are not finite, or is there twice.
        DataError: if the data is missing or damaged, or is not what a checkpoint was trained on.
    """
    networks = [_load(source, settings) for source in sources]
    check_seeds(networks)
    datasets = _Datasets(settings)
    tested = [datasets.build(network, settings.part) for network in networks]
    for network, dataset in zip(networks, tested, strict=True):
        _check_same_frames(network.name, dataset, tested[0])
        check_training(network.stored, dataset, network.checkpoint)
        _check_fits(network, dataset)
    in_sample = "The temperatures are fitted to the frames that they are judged on: calibration looks too good."
    notes = [in_sample] if settings.part == "val" else []
    validations = [_validation(datasets, network, notes) for network in networks]
    runs: dict[str, list[Run]] = {network.name: [] for network in networks}
    for network, dataset, validation in zip(networks, tested, validations, strict=True):
        trained_on = datasets.trained_frames(network, dataset)
        runs[network.name].append(_run(network, dataset, validation, trained_on))
    models = {network.name: network.model.cpu() for network in networks}
    costs = measure_costs(models, tested[0].metainfo["length"], settings.rounds)
    arms = {name: Arm(each, costs[name]) for name, each in runs.items()}
    return Evaluation(
        arms,
        tuple(tested[0].classes),
        portable_path(tested[0].table.source),
        len(tested[0]),
        torch.get_num_threads(),
        notes,
        _find_warnings(arms, tested[0]),
    )


def _validation(datasets: _Datasets, network: _Network, notes: list[str]) -> SignalDataset | None:
    """The frames that the temperature is fitted to; without any it is left out, which is noted."""
    try:
        return datasets.build(network, "val")
    except (ConfigError, DataError) as error:
        note = f"{network.name}: no temperature was fitted, for want of validation frames"
        if note not in notes:
            notes.append(note)
            print_log(f"{note}: {error}", "current", logging.WARNING)  # the error's paths are not for a report
        return None


def _find_warnings(arms: Mapping[str, Arm], dataset: SignalDataset) -> list[str]:
    found, causes = [], []
    for name, arm in arms.items():
        checks = [run.low_snr for run in arm.runs]
        trained_on = max(run.trained_on for run in arm.runs)
        shares_channel = any(run.shares_channel for run in arm.runs)
        found += warnings_of(name, checks, trained_on, max(arm.values("accuracy")), dataset, shares_channel)
        if any(check is not None and check.is_suspicious for check in checks):
            causes = [CAUSES]
    return found + causes


def _load(source: Source, settings: Settings) -> _Network:
    cfg = read_config(source.config, settings.options)
    model = load_classifier(cfg, source.checkpoint, settings.device, settings.trust)
    stored = read_checkpoint(source.checkpoint, settings.trust)
    return _Network(source.name, source.checkpoint, model, cfg, stored, origin_of(source, model, stored))


class _Datasets:
    """Builds each data set once, whichever networks ask for it."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._built: dict[str, SignalDataset] = {}

    def build(self, network: _Network, part: str) -> SignalDataset:
        loader = f"{'test' if part == 'all' else part}_dataloader"
        found = (network.cfg.get(loader) or {}).get("dataset")
        if found is None:
            raise ConfigError(f"expected {loader}.dataset but found none in {network.cfg.filename}; add it")
        found = dict(found)
        if self.settings.data_root is not None:
            found["data_root"] = self.settings.data_root
        if self.settings.data is not None and part == self.settings.part:
            # Another file may list its classes in another order than the network's.
            found |= {"ann_file": str(Path(self.settings.data).absolute())}
            found["mods"] = found.get("mods") or training_meta(network.stored).get("classes")
        if part == "all":
            found["part"] = "all"
        key = repr(sorted(found.items()))
        if key not in self._built:
            dataset = build_from(found, loader, network.cfg)
            if not isinstance(dataset, SignalDataset):
                raise ConfigError(
                    f"expected frames (SignalDataset, RML2016A, …) in {loader} of {network.cfg.filename} but found "
                    f"{found['type']}"
                )
            self._built[key] = dataset
        return self._built[key]

    def trained_frames(self, network: _Network, dataset: SignalDataset) -> int:
        """`tasks.amr.leakage.trained_frames`; 0 where the config's training file is there and has other frames."""
        trained = training_meta(network.stored)
        count = trained_frames(trained, dataset)
        if not count or same_generation(trained, dataset.metainfo):
            return count
        try:
            is_other = not same_file(self.build(network, "train").table.source, dataset.table.source)
        except (ConfigError, DataError):
            is_other = False
        return 0 if is_other else count


def _check_same_frames(name: str, dataset: SignalDataset, first: SignalDataset) -> None:
    if dataset is first:  # as for a network alone: nothing is read for what needs no comparison
        return
    found = [(each.table.source, tuple(each.classes), each.fingerprint) for each in (dataset, first)]
    if found[0] != found[1]:
        raise ConfigError(
            f"expected the same frames and classes for all networks but found {len(dataset)} frames of "
            f"{len(dataset.classes)} classes of {dataset.table.source} for {name}, and {len(first)} frames of "
            f"{len(first.classes)} classes of {first.table.source} for the first; align the configs, or give --data"
        )


@torch.no_grad()
def _check_fits(network: _Network, dataset: SignalDataset) -> None:
    """Ask for one frame's scores, so that what does not fit is said before hours are spent on the others."""
    found = dataset.metainfo["length"]
    length = getattr(network.model.network, "length", found)
    if length != found:
        raise ConfigError(
            f"expected frames of {length} samples for {network.name} but found {found} in {dataset.table.source}"
        )
    classes = _logits(network.model, dataset, range(1)).shape[1]
    if classes != len(dataset.classes):
        raise ConfigError(
            f"expected a network with the {len(dataset.classes)} classes of {dataset.table.source} but {network.name} "
            f"has {classes}"
        )


def _run(network: _Network, dataset: SignalDataset, validation: SignalDataset | None, trained_on: int) -> Run:
    logits = class_logits(network.model, dataset, network.name)
    labels, snrs = torch.from_numpy(dataset.labels), torch.from_numpy(dataset.snr_labels)
    probabilities = logits.softmax(dim=1)
    scores = signal_scores(probabilities, labels, snrs)
    bins = [confidence_bins(probabilities, labels)]
    if validation is not None:
        is_same = validation is dataset
        known = logits if is_same else class_logits(network.model, validation, f"{network.name}, validation")
        temperature = fit_temperature(known, torch.from_numpy(validation.labels))
        scaled = (logits / temperature).softmax(dim=1)
        calibrated = class_scores(scaled, labels)
        scores |= {"temperature": temperature, "ece_scaled": calibrated["ece"], "nll_scaled": calibrated["nll"]}
        bins.append(confidence_bins(scaled, labels))
    confusion = Confusion.of(dataset.labels, logits.argmax(dim=1).numpy(), dataset.snr_labels, logits.shape[1])
    shares_channel = same_channel(training_meta(network.stored), dataset.metainfo)
    return Run(network.source, confusion, scores, check_low_snr(confusion), trained_on, tuple(bins), shares_channel)


@torch.no_grad()
def class_logits(model: nn.Module, dataset: SignalDataset, name: str = "network") -> Tensor:
    """Class scores before softmax of all frames of a data set, float32 ``(N, K)``, on the CPU.

    Args:
        model: a `common.classification.model.Classifier` in eval mode.
        dataset: the frames.
        name: what the progress bar and messages call the network.

    Raises:
        CheckpointError: if a score is not finite.
    """
    starts = track(range(0, len(dataset), BATCH), f"evaluating {name}", "batches")
    logits = torch.cat([_logits(model, dataset, range(start, min(start + BATCH, len(dataset)))) for start in starts])
    if not logits.isfinite().all():
        raise CheckpointError(f"expected finite class scores but {name} gives others: its training diverged")
    return logits


def _logits(model: nn.Module, dataset: SignalDataset, positions: range) -> Tensor:
    frames = {"inputs": torch.from_numpy(dataset.frames(positions))}
    return model(model.data_preprocessor(frames, False)["inputs"]).float().cpu()


def measure_costs(models: Mapping[str, nn.Module], length: int, rounds: int) -> dict[str, Cost]:
    """What networks cost for a frame ``[2, length]``; with 0 rounds their latency is left out.

    Args:
        models: name -> network on the CPU in eval mode.
        length: samples of a frame.
        rounds: timed forward passes at each batch size of `LATENCY_BATCHES`, the networks in turn.
    """
    generator = torch.Generator().manual_seed(0)
    latency: dict[str, dict[int, Latency]] = {name: {} for name in models}
    for batch in LATENCY_BATCHES if rounds else ():
        frames = torch.randn(batch, 2, length, generator=generator)
        timed = cpu_latencies(models, frames, rounds, progress=lambda each: track(each, "timing", "rounds"))
        for name, each in timed.items():
            latency[name][batch] = each
    frame = torch.randn(1, 2, length, generator=generator)
    return {
        name: Cost(count_parameters(model), count_macs(model, frame), weight_bytes(model), latency[name])
        for name, model in models.items()
    }
