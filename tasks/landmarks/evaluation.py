"""Evaluate landmark networks on the faces of a data set, several checkpoints of one name being seeds of one arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from torch import nn

from common.checkpoint import read_checkpoint
from common.cost import count_macs, count_parameters, cpu_latencies, one_thread
from common.errors import CheckpointError, ConfigError, DataError, UserError
from common.landmark_files.face import Face
from common.landmark_files.scheme import LandmarkScheme
from common.report import track
from common.sources import Source, check_seeds, evenly_spread, origin_of
from tasks.landmarks.crop import apply
from tasks.landmarks.datasets import FaceDataset, build_dataset
from tasks.landmarks.metrics import face_distances, normalised_errors
from tasks.landmarks.model import load_landmark_model
from tasks.landmarks.results import Arm, Cost, Evaluation, Run, Settings

BATCH = 32


@dataclass
class Network:
    """A loaded checkpoint, and the data set that its config names.

    Attributes:
        name: of the arm that it is a seed of.
        model: in eval mode; ``test_step`` of a batch gives samples with ``pred_points``.
        dataset: of the split that is evaluated, the same crop every time.
        others: split -> data set, of those that must have no face in common with it.
        source: as of `common.sources.origin_of`.
    """

    name: str
    model: nn.Module
    dataset: FaceDataset
    others: Mapping[str, FaceDataset] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)


def evaluate(sources: Sequence[Source], settings: Settings) -> Evaluation:
    """Score checkpoints on the faces that their configs name.

    Args:
        sources: the checkpoints; those of one name are seeds of one arm.
        settings: what they share.

    Raises:
        ConfigError: if faces, schemes or networks do not fit each other, or the scheme lacks the distance.
        CheckpointError: if a checkpoint does not fit its config, gives points that are not finite, or is there twice.
        DataError: if the data is missing or damaged, or a face has no distance to divide errors by.
    """
    built: dict[str, FaceDataset] = {}
    return evaluate_networks([_load(source, settings, built) for source in sources], settings)


def evaluate_networks(networks: Sequence[Network], settings: Settings) -> Evaluation:
    """`evaluate`, of networks that are loaded already."""
    check_seeds(networks)
    first = networks[0].dataset
    for network in networks:
        _check_same_faces(network, networks[0], settings.split)
    indices = evenly_spread(len(first), settings.limit)
    faces = [first.faces[index] for index in indices]
    _check_distances(first.scheme, faces, settings.distance)
    runs: dict[str, list[Run]] = {network.name: [] for network in networks}
    for network in networks:
        runs[network.name].append(_run(network, faces, indices, settings))
    last = {network.name: network for network in networks}
    costs = _costs(last, settings.rounds)
    arms = {name: Arm(each, costs[name]) for name, each in runs.items()}
    return Evaluation(arms, first.scheme, faces, indices, first, settings, _overlaps(networks, settings.split))


def _load(source: Source, settings: Settings, built: dict[str, FaceDataset]) -> Network:
    model, cfg = load_landmark_model(
        source.config, source.checkpoint, settings.device, settings.options, settings.trust
    )
    origin = origin_of(source, model, read_checkpoint(source.checkpoint, settings.trust))

    def dataset(split: str) -> FaceDataset:
        key = repr((split, (cfg.get(f"{split}_dataloader") or {}).get("dataset"), settings.data_root))
        if key not in built:
            built[key] = build_dataset(cfg, split, settings.data_root)
        return built[key]

    return Network(source.name, model, dataset(settings.split), _others(dataset, settings.split, cfg), origin)


def _others(dataset, split: str, cfg: Config) -> dict[str, FaceDataset]:
    """The other splits, where they are there: an engineer may have the test faces alone."""
    found = {}
    for other in ("train", "val", "test"):
        if other != split and cfg.get(f"{other}_dataloader"):
            try:
                found[other] = dataset(other)
            except UserError:
                continue
    return found


def _overlaps(networks: Sequence[Network], split: str) -> list[str]:
    """What is wrong with the splits: the same image in two of them."""
    warnings = []
    for network in networks:
        own = {_image(face) for face in network.dataset.faces}
        for other, dataset in network.others.items():
            both = len(own & {_image(face) for face in dataset.faces})
            if both:
                warnings.append(
                    f"{network.name}: {both} of {len(own)} images of the {split} split are in the {other} split too: "
                    "its errors say nothing about new faces."
                )
    return list(dict.fromkeys(warnings))


def _image(face: Face) -> tuple[str, int | None]:
    return str(face.image.absolute()), face.index


def _check_same_faces(network: Network, first: Network, split: str) -> None:
    dataset, reference = network.dataset, first.dataset
    if getattr(dataset, "augment", None) is not None or len(dataset) != len(dataset.faces):
        raise ConfigError(
            f"expected a {split} set that shows each face once, as it is, for {network.name}; drop augment"
        )
    if dataset.scheme != reference.scheme:
        raise ConfigError(
            f"expected one landmark scheme but found {reference.scheme.name!r} for {first.name} and "
            f"{dataset.scheme.name!r} for {network.name}; evaluate them apart"
        )
    found = [[(_image(face), face.points.tobytes()) for face in each.faces] for each in (dataset, reference)]
    if found[0] != found[1]:
        raise ConfigError(
            f"expected the same {split} faces for all networks but found {len(dataset)} for {network.name} and other "
            f"{len(reference)} for {first.name}; align the configs, or give --data-root"
        )


def _check_distances(scheme: LandmarkScheme, faces: Sequence[Face], judged: str) -> None:
    if judged not in scheme.distances:
        raise ConfigError(f"scheme {scheme.name!r} has no distance {judged!r}; there are {', '.join(scheme.distances)}")
    if not faces:
        raise DataError("expected labelled faces but found none; check data_root and the split")
    points = np.stack([face.points for face in faces])
    for kind in scheme.distances:
        face_distances(scheme, points, kind, [face.name for face in faces])


def _run(network: Network, faces: Sequence[Face], indices: Sequence[int], settings: Settings) -> Run:
    scheme = network.dataset.scheme
    predicted, maps = predicted_points(network, indices)
    gt = np.stack([face.points for face in faces]).astype(np.float64)
    measured = (predicted, gt) if settings.frame == "image" else (apply(maps, predicted), apply(maps, gt))
    names = [face.name for face in faces]
    errors = {
        kind: normalised_errors(*measured, face_distances(scheme, measured[1], kind, names))
        for kind in scheme.distances
    }
    nme = {kind: each.mean(axis=1) for kind, each in errors.items()}
    return Run(network.source, predicted, errors[settings.distance], nme)


@torch.no_grad()
def predicted_points(network: Network, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """What a network says of the faces at some places of its data set.

    Returns:
        Points float64 ``[N, n, 2]``, pixels of the image, and the maps ``[N, 2, 3]`` into its crops.

    Raises:
        ConfigError: if it gives another number of points than the scheme has.
        CheckpointError: if a point is not finite.
    """
    points, maps = [], []
    for start in track(range(0, len(indices), BATCH), f"evaluating {network.name}", "batches"):
        batch = pseudo_collate([network.dataset[index] for index in indices[start : start + BATCH]])
        for sample in network.model.test_step(batch):
            points.append(sample.pred_points.cpu().numpy())
            maps.append(sample.to_crop.cpu().numpy())
        expected = network.dataset.scheme.num_points
        if len(points[-1]) != expected:
            raise ConfigError(
                f"expected a network of the data's {expected} points but {network.name} gives {len(points[-1])}"
            )
        if not np.isfinite(points[start:]).all():
            raise CheckpointError(f"expected finite points but {network.name} gives others: its training diverged")
    return np.stack(points).astype(np.float64), np.stack(maps)


def _costs(networks: Mapping[str, Network], rounds: int) -> dict[str, Cost]:
    crops = {name: torch.zeros(1, 3, network.dataset.size, network.dataset.size) for name, network in networks.items()}
    models = {name: network.model.cpu() for name, network in networks.items()}
    latencies = {}
    if rounds:
        with one_thread():
            latencies = cpu_latencies(models, crops, rounds)
    return {
        name: Cost(count_parameters(model), count_macs(model, crops[name]), crops[name].shape[-1], latencies.get(name))
        for name, model in models.items()
    }
