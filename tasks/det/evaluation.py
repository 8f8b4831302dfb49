"""Evaluate a detector on a dataset: average precision, kinds of errors, and what an image costs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from common.cost import Latency
from common.errors import ConfigError, DataError
from common.report import track
from common.sources import evenly_spread
from tasks.det.boxes import Detections, Objects
from tasks.det.coco_scores import coco_scores
from tasks.det.cost import detection_macs, latencies
from tasks.det.error_types import ErrorTypes, SortedImage, error_types, sort_image
from tasks.det.metrics import detections_of, objects_of_instances
from tasks.det.voc_scores import voc_scores

SHOWN_SCORE = 0.3  # ours: detections from this score on are counted as errors, and drawn


@dataclass
class ImageResult:
    """One image: its file, its true objects and all that a network finds in it."""

    path: str
    objects: Objects
    detections: Detections

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return Path(self.path).name

    def sorted(self, least_score: float = SHOWN_SCORE) -> SortedImage:
        """What became of each object and each detection of at least a score; see `tasks.det.error_types`."""
        return sort_image(self.objects, self.detections, least_score=least_score)


@dataclass
class Evaluation:
    """What one detector scores on a dataset.

    Attributes:
        scores: as `coco_scores` and `voc_scores` return them, together.
        classes: names of the classes.
        palette: their RGB colours.
        images: one entry per image, in the dataset's order.
        errors: of detections of any score, for what mending them would gain.
        confident_errors: of detections with a score of at least `SHOWN_SCORE`, for their counts.
        parameters: of the network.
        network_seconds: time in the network, without reading images and scoring boxes.
        macs: multiply-accumulates for the first image; None where they were not counted.
        size: height and width, in pixels, of that image as the network sees it.
        latency: of that image, in milliseconds; None where it was not timed.
    """

    scores: dict[str, Any]
    classes: list[str]
    palette: list[list[int]]
    images: list[ImageResult] = field(default_factory=list)
    errors: ErrorTypes | None = None
    confident_errors: ErrorTypes | None = None
    parameters: int = 0
    network_seconds: float = 0.0
    macs: int | None = None
    size: tuple[int, int] | None = None
    latency: Latency | None = None

    @property
    def images_per_second(self) -> float:
        """Throughput of the network alone, one image at a time."""
        return len(self.images) / self.network_seconds if self.network_seconds else math.nan


def evaluate(
    model: nn.Module, dataset: BaseDataset, device: str, limit: int | None = None, name: str = "network"
) -> Evaluation:
    """Score a detector on a dataset, one image at a time, in pixels of the stored images.

    True objects are those of the dataset itself, whatever its pipeline does to them. Detections of any score count, and
    for COCO's average precision and the kinds of errors at most 100 of each class and image.

    Args:
        model: an mmdet network in eval mode, with ``dataset_meta['classes']``.
        dataset: an mmdet dataset in test mode.
        device: where the network lies; a GPU is waited for when time is taken.
        limit: only this many images, evenly spread over the dataset.
        name: what the progress bar calls the network.

    Raises:
        ConfigError: if the classes of network and dataset do not fit.
        DataError: if the dataset is empty.
    """
    meta = dataset.metainfo
    classes = list(meta["classes"])
    if len(dataset) == 0:
        root = getattr(dataset, "data_root", None)
        raise DataError(f"expected images but found none in {root}; check data_root and the split")
    check_classes(model.dataset_meta["classes"], classes)
    result = Evaluation({}, classes, [list(colour) for colour in meta.get("palette") or model.dataset_meta["palette"]])
    result.parameters = sum(parameter.numel() for parameter in model.parameters())
    for index in track(evenly_spread(len(dataset), limit), f"evaluating {name}"):
        info = dataset.get_data_info(index)
        batch = pseudo_collate([dataset[index]])
        start = time.perf_counter()
        with torch.no_grad():
            predicted = model.test_step(batch)[0]
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        result.network_seconds += time.perf_counter() - start
        found = detections_of(predicted.pred_instances)
        result.images.append(ImageResult(info["img_path"], objects_of_instances(info["instances"]), found))
    score(result)
    return result


def score(result: Evaluation) -> None:
    """Fill in the scores and errors of an evaluation that has images."""
    arguments = [image.objects for image in result.images], [image.detections for image in result.images]
    result.scores = coco_scores(*arguments, len(result.classes)) | voc_scores(*arguments, len(result.classes))
    result.errors = error_types(*arguments, len(result.classes))
    result.confident_errors = error_types(*arguments, len(result.classes), least_score=SHOWN_SCORE)


def check_classes(network: Sequence[str], dataset: Sequence[str]) -> None:
    """See that a network finds the dataset's classes, in their order; one without names only has to have as many.

    Raises:
        ConfigError: if not.
    """
    network, dataset = list(network), list(dataset)
    advice = "evaluate it on the dataset that it was trained for, or give the dataset's metainfo the network's classes"
    if len(network) != len(dataset):
        raise ConfigError(
            f"expected a network with the dataset's {len(dataset)} classes but found one with {len(network)}; {advice}"
        )
    named = any(name != str(place) for place, name in enumerate(network))
    for place, (found, expected) in enumerate(zip(network, dataset, strict=True)):
        if named and found != expected:
            raise ConfigError(
                f"expected {expected!r} as class {place} of the network, as in the dataset, but found {found!r}; "
                f"{advice}"
            )


def add_cost(
    evaluations: Mapping[str, Evaluation],
    networks: Mapping[str, tuple[nn.Module, BaseDataset]],
    device: str,
    rounds: int,
) -> None:
    """Count the multiply-accumulates of each network for the first image, and time it; 0 rounds leave time out."""
    samples = {name: (model, dataset[0]) for name, (model, dataset) in networks.items()}
    for name, (model, sample) in samples.items():
        evaluations[name].macs, evaluations[name].size = detection_macs(model, sample)
    if rounds:
        for name, latency in latencies(samples, device, rounds).items():
            evaluations[name].latency = latency
