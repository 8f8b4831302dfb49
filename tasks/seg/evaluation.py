"""Evaluate segmentation networks on a dataset, side by side: scores, curves, and pictures of their errors."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from common.errors import ConfigError, DataError
from common.image_files import read_image
from common.report import (
    Picture,
    Section,
    Table,
    difference_table,
    line_plot,
    origin_section,
    track,
    write_html,
    write_json,
    write_png,
    write_text,
)
from common.sources import evenly_spread
from tasks.seg.metrics import SegmentationScores
from tasks.seg.pictures import boundary_band, comparison_pictures


@dataclass
class FrameScore:
    """One frame: how many of its labelled pixels near class boundaries are right."""

    name: str
    boundary_right: int
    boundary_pixels: int


@dataclass
class Evaluation:
    """What one network scores on a dataset.

    Attributes:
        scores: as `SegmentationScores.compute` returns them.
        classes: names of the classes.
        palette: their RGB colours.
        frames: one entry per frame, in the dataset's order.
        parameters: of the network.
        network_seconds: time in the network, without reading images and counting errors.
    """

    scores: dict
    classes: list[str]
    palette: list[list[int]]
    frames: list[FrameScore] = field(default_factory=list)
    parameters: int = 0
    network_seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        """Throughput of the network alone, one image at a time."""
        return len(self.frames) / self.network_seconds if self.network_seconds else math.nan


def evaluate(
    model: nn.Module, dataset: BaseDataset, device: str, limit: int | None = None, name: str = "network"
) -> Evaluation:
    """Score a network on a dataset, one image at a time at the size of its labels.

    Args:
        model: an mmseg network in eval mode.
        dataset: an mmseg dataset whose pipeline loads the labels after any resize.
        device: where the network lies; a GPU is waited for when time is taken.
        limit: only this many images, evenly spread over the dataset.
        name: what the progress bar calls the network.

    Raises:
        ConfigError: if classes or sizes of predictions and labels do not fit.
        DataError: if the dataset is empty.
    """
    meta = dataset.metainfo
    classes = list(meta["classes"])
    if len(dataset) == 0:
        raise DataError(f"expected images but found none in {dataset.data_root}; check data_root and the split")
    if model.num_classes != len(classes):
        raise ConfigError(
            f"expected a network with the dataset's {len(classes)} classes but found one with "
            f"{model.num_classes}; evaluate it on the dataset that it was trained for"
        )
    ignore_index = getattr(dataset, "ignore_index", 255)
    scores = SegmentationScores(len(classes), ignore_index=ignore_index)
    result = Evaluation({}, classes, [list(colour) for colour in meta["palette"]])
    result.parameters = sum(parameter.numel() for parameter in model.parameters())
    for index in track(evenly_spread(len(dataset), limit), f"evaluating {name}"):
        sample = dataset[index]
        start = time.perf_counter()
        prediction = _predict(model, sample)
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        result.network_seconds += time.perf_counter() - start
        target = _target(sample, prediction.shape)
        scores.update(prediction, target)
        near = boundary_band(target, ignore_index=ignore_index)
        right = int(((prediction == target) & near).sum())
        result.frames.append(FrameScore(_image_name(sample), right, int(near.sum())))
    result.scores = scores.compute()
    return result


def _predict(model: nn.Module, sample: dict) -> np.ndarray:
    with torch.no_grad():
        result = model.test_step(pseudo_collate([sample]))[0]
    return result.pred_sem_seg.data[0].cpu().numpy()


def _target(sample: dict, size: tuple[int, int]) -> np.ndarray:
    found = sample["data_samples"]
    name = _image_name(sample)
    if "gt_sem_seg" not in found:
        raise ConfigError(f"expected labels but found none for {name}; add LoadAnnotations to the pipeline")
    target = found.gt_sem_seg.data[0].cpu().numpy()
    if target.shape != size:
        raise ConfigError(
            f"expected labels of the image's size {size} but found {target.shape} for {name}; "
            "put LoadAnnotations after Resize in the pipeline"
        )
    return target


def _image_name(sample: dict) -> str:
    return Path(sample["data_samples"].metainfo["img_path"]).name


def choose_frames(evaluations: Sequence[Evaluation], count: int) -> list[tuple[int, str]]:
    """The frames worth a look.

    With several networks: by turns the frame where the last one does best against the first near boundaries,
    and the frame where it does worst, so that the pictures flatter neither. With one: evenly spread frames.

    Returns:
        Pairs of the frame's place in ``Evaluation.frames`` and why it was chosen.
    """
    frames = len(evaluations[0].frames)
    if len(evaluations) == 1:
        return [(index, "one of evenly spread frames") for index in evenly_spread(frames, count)]
    gains = [
        last.boundary_right - first.boundary_right
        for first, last in zip(evaluations[0].frames, evaluations[-1].frames, strict=True)
    ]
    best_first = sorted(range(frames), key=lambda index: -gains[index])
    chosen = []
    for place in range(min(count, frames)):
        index = best_first.pop(0 if place % 2 == 0 else -1)
        side = "best" if place % 2 == 0 else "worst"
        pixels = f"{gains[index]:+d} of {evaluations[0].frames[index].boundary_pixels} pixels near boundaries"
        chosen.append((index, f"among the frames where the last network does {side} against the first ({pixels})"))
    return chosen


def summary_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """One row per network: scores over all pixels and at boundaries in percent, size and speed."""
    rows = []
    for name, found in evaluations.items():
        scores = [found.scores[key] for key in ("mIoU", "mAcc", "aAcc", "boundary_IoU")]
        scores.append(float(np.mean(list(found.scores["boundary_F"].values()))))
        rows.append([name, *scores, found.parameters / 1e6, found.images_per_second])
    columns = ["network", "mIoU", "mAcc", "aAcc", "boundary IoU", "boundary F", "M params", "images/s"]
    frames = len(next(iter(evaluations.values())).frames)
    return Table(f"Scores over {frames} images (percent)", columns, rows)


def boundary_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """mIoU within widths of a boundary and boundary F-score within tolerances, and differences to the first."""
    scores = [found.scores for found in evaluations.values()]
    rows = {f"mIoU within {width} px": [s["trimap_IoU"][width] for s in scores] for width in scores[0]["trimap_IoU"]}
    rows |= {
        f"F within {near:g} of diagonal": [s["boundary_F"][near] for s in scores] for near in scores[0]["boundary_F"]
    }
    return difference_table("Near class boundaries (percent)", "score", list(evaluations), rows)


def per_class_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """IoU of each class in percent, and each network's differences to the first."""
    scores = [found.scores for found in evaluations.values()]
    classes = next(iter(evaluations.values())).classes
    rows = {label: [float(s["IoU_per_class"][index]) for s in scores] for index, label in enumerate(classes)}
    rows["mean"] = [s["mIoU"] for s in scores]
    return difference_table("IoU per class (percent)", "class", list(evaluations), rows)


def write_evaluation(
    evaluations: Mapping[str, Evaluation],
    networks: Mapping[str, tuple[nn.Module, BaseDataset]],
    out: str | Path,
    origin: Mapping[str, object],
    pictures: int = 6,
    limit: int | None = None,
) -> Path:
    """Write evaluation.json, per_class.csv, curves and pictures (PNG), and index.html with all of them.

    Args:
        evaluations: name -> result, all over the same frames; the first is the reference.
        networks: name -> network and dataset, to predict the pictured frames once more.
        out: the folder.
        origin: what goes into the JSON and the page's foot about the run; see `common.provenance.provenance`.
        pictures: how many frames are pictured.
        limit: as given to `evaluate`.

    Returns:
        The path of the page.
    """
    out = Path(out)
    record = {
        name: asdict(found) | {"images_per_second": found.images_per_second} for name, found in evaluations.items()
    }
    per_class = per_class_table(evaluations)
    write_json(out / "evaluation.json", {"networks": record, "provenance": origin})
    write_text(out / "per_class.csv", per_class.csv())
    sections = [
        Section("Scores", [summary_table(evaluations), _seed_note(len(evaluations))]),
        Section("Near boundaries", [boundary_table(evaluations), *_curves(evaluations, out)]),
        Section("Classes", [per_class]),
        Section("Frames", _picture_parts(evaluations, networks, out, pictures, limit)),
        origin_section(origin),
    ]
    write_html(out / "index.html", f"Segmentation: {', '.join(evaluations)}", sections)
    return out / "index.html"


def _seed_note(count: int) -> str:
    if count == 1:
        return "One checkpoint. Boundary F is the mean over the tolerances below."
    return (
        "One checkpoint per network: a difference here carries no spread over seeds, so it may be chance. "
        "Boundary F is the mean over the tolerances below."
    )


def _curves(evaluations: Mapping[str, Evaluation], out: Path) -> list[Picture]:
    trimap = {name: found.scores["trimap_IoU"] for name, found in evaluations.items()}
    boundary = {name: found.scores["boundary_F"] for name, found in evaluations.items()}
    line_plot(trimap, "distance to a class boundary (pixels)", "mIoU (percent)", out / "trimap.png")
    line_plot(
        boundary, "tolerance (fraction of the image's diagonal)", "boundary F-score (percent)", out / "boundary_f.png"
    )
    return [
        Picture(out / "trimap.png", "mIoU of the pixels that lie at most so far from a class boundary."),
        Picture(out / "boundary_f.png", "F-score of the predicted boundaries, by how far off they may lie."),
    ]


def _picture_parts(
    evaluations: Mapping[str, Evaluation],
    networks: Mapping[str, tuple[nn.Module, BaseDataset]],
    out: Path,
    pictures: int,
    limit: int | None,
) -> list[str | Picture]:
    results = list(evaluations.values())
    dataset = next(iter(networks.values()))[1]
    indices = evenly_spread(len(dataset), limit)
    parts: list[str | Picture] = []
    for place, (frame, reason) in enumerate(choose_frames(results, pictures)):
        samples = {name: (model, data[indices[frame]]) for name, (model, data) in networks.items()}
        predictions = {name: _predict(model, sample) for name, (model, sample) in samples.items()}
        sample = next(iter(samples.values()))[1]
        target = _target(sample, next(iter(predictions.values())).shape)
        image = read_image(sample["data_samples"].metainfo["img_path"])
        shown = comparison_pictures(image, target, predictions, results[0].classes, results[0].palette)
        name = results[0].frames[frame].name
        captions = (f"{name}: {reason}.", f"{name}: the framed part, enlarged.")
        for kind, picture, caption in zip(("frame", "zoom"), shown, captions, strict=True):
            path = out / "pictures" / f"{place:02d}_{Path(name).stem}_{kind}.png"
            write_png(path, picture)
            parts.append(Picture(path, caption))
    return parts
