"""Evaluate segmentation networks on a dataset, side by side: scores, curves, and pictures of their errors."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from torch import nn

from common.errors import ConfigError, DataError
from common.report import (
    Panel,
    Picture,
    Section,
    Table,
    legend,
    line_plot,
    panel_grid,
    track,
    write_html,
    write_json,
    write_png,
    write_text,
)
from tasks.seg.inference import PANEL_WIDTH, enlarge, overlay, read_image
from tasks.seg.label_scores import class_change_distance
from tasks.seg.metrics import SegmentationScores

BAND_WIDTH = 5  # pixels on either side of a boundary that count as "near" it when frames are chosen
MAX_PANEL_WIDTH = 960

# Okabe and Ito, Color Universal Design, 2008.
WRONG, MENDED, NEWLY_WRONG, IGNORED = (213, 94, 0), (0, 114, 178), (240, 228, 66), (0, 0, 0)


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
    if model.decode_head.num_classes != len(classes):
        raise ConfigError(
            f"expected a network with the dataset's {len(classes)} classes but found one with "
            f"{model.decode_head.num_classes}; evaluate it on the dataset that it was trained for"
        )
    ignore_index = getattr(dataset, "ignore_index", 255)
    scores = SegmentationScores(len(classes), ignore_index=ignore_index)
    result = Evaluation({}, classes, [list(colour) for colour in meta["palette"]])
    result.parameters = sum(parameter.numel() for parameter in model.parameters())
    for index in track(frame_indices(len(dataset), limit), f"evaluating {name}"):
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


def frame_indices(count: int, limit: int | None) -> list[int]:
    """``limit`` indices spread evenly over ``count`` (all where ``limit`` is None or larger)."""
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


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


def boundary_band(target: np.ndarray, width: int = BAND_WIDTH, ignore_index: int = 255) -> np.ndarray:
    """Labelled pixels ``[H, W]`` (bool) at most ``width`` pixels from a change of class."""
    return (class_change_distance(target, ignore_index) <= width) & (target != ignore_index)


def error_map(
    image: np.ndarray,
    prediction: np.ndarray,
    target: np.ndarray,
    reference: np.ndarray | None = None,
    ignore_index: int = 255,
) -> np.ndarray:
    """The image in pale grey with wrong pixels in colour.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        prediction: labels ``[H, W]``.
        target: true labels ``[H, W]``.
        reference: labels of another network: what it has wrong and ``prediction`` right becomes blue, the
            reverse yellow, and what both have wrong stays orange.
        ignore_index: the label of pixels that do not count; they become black.

    Returns:
        RGB ``[H, W, 3]``, uint8.
    """
    grey = 150 + cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) * (105 / 255)
    picture = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
    wrong = prediction != target
    picture[wrong] = WRONG
    if reference is not None:
        reference_wrong = reference != target
        picture[wrong & ~reference_wrong] = NEWLY_WRONG
        picture[~wrong & reference_wrong] = MENDED
    picture[target == ignore_index] = IGNORED
    return picture


def densest_window(weight: np.ndarray, fraction: float = 0.25) -> tuple[slice, slice]:
    """Rows and columns of the window, ``fraction`` of each side long, with the largest sum of ``weight``.

    Args:
        weight: ``[H, W]``, any numbers; of equal windows the most central one is taken.
        fraction: of height and width, at least 24 pixels where the picture has them.
    """
    height, width = weight.shape
    rows, columns = (min(size, max(24, round(size * fraction))) for size in (height, width))
    total = cv2.integral(weight.astype(np.float64))
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    ys, xs = np.nonzero(sums >= sums.max() - 1e-9)
    centre = np.argmin((ys - (height - rows) / 2) ** 2 + (xs - (width - columns) / 2) ** 2)
    top, left = int(ys[centre]), int(xs[centre])
    return slice(top, top + rows), slice(left, left + columns)


def choose_frames(evaluations: Sequence[Evaluation], count: int) -> list[tuple[int, str]]:
    """The frames worth a look.

    With several networks: by turns the frame where the last one does best against the first near boundaries,
    and the frame where it does worst, so that the pictures flatter neither. With one: evenly spread frames.

    Returns:
        Pairs of the frame's place in ``Evaluation.frames`` and why it was chosen.
    """
    frames = len(evaluations[0].frames)
    if len(evaluations) == 1:
        return [(index, "one of evenly spread frames") for index in frame_indices(frames, count)]
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


def comparison_pictures(
    image: np.ndarray,
    target: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
) -> tuple[np.ndarray, np.ndarray]:
    """Image, ground truth and each network's labels with their errors: the whole frame, and a crop of it.

    The crop lies where, near boundaries, the first and the last network differ most; with one network where
    it errs most.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        target: true labels ``[H, W]``.
        predictions: name of the network -> labels ``[H, W]``; the first is the reference of the others' errors.
        classes: their names, for the legend.
        palette: their colours.

    Returns:
        Two RGB pictures ``[h, w, 3]``, uint8.
    """
    wrong = [found != target for found in predictions.values()]
    interest = wrong[0] != wrong[-1] if len(wrong) > 1 else wrong[0]
    window = densest_window((interest & boundary_band(target)).astype(np.float64))
    reference = next(iter(predictions.values()))
    labels = {"ground truth": target, **predictions}
    errors = {
        f"{name}: errors": error_map(image, found, target, None if found is reference else reference)
        for name, found in predictions.items()
    }
    colours = {"errors": (WRONG, "wrong"), "ignored": (IGNORED, "not labelled")}
    if len(predictions) > 1:
        first = next(iter(predictions))
        colours["mended"] = (MENDED, f"right, {first} wrong")
        colours["new"] = (NEWLY_WRONG, f"wrong, {first} right")
    error_legend = {text: colour for colour, text in colours.values()}

    def grid(rows: slice, columns: slice, box: bool) -> np.ndarray:
        part = image[rows, columns]
        shown = {"image": part}
        shown |= {name: overlay(part, found[rows, columns], palette, opacity=0.7) for name, found in labels.items()}
        shown |= {name: picture[rows, columns] for name, picture in errors.items()}
        if box:
            shown = {name: _outline(picture, window) for name, picture in shown.items()}
        panels = [Panel(_display(picture), name) for name, picture in shown.items()]
        size = panels[0].picture.shape[:2]
        keys = [
            Panel(legend(classes, palette, size), "classes"),
            Panel(legend(list(error_legend), list(error_legend.values()), size), "errors"),
        ]
        count = len(predictions) + 2
        return panel_grid(_wrapped(panels[:count]) + _wrapped(keys + panels[count:]), _grid_columns(count))

    return grid(slice(None), slice(None), True), grid(*window, False)


def _grid_columns(count: int) -> int:
    """More than five panels in a row become two rows: a wider picture would be unreadable on a page."""
    return count if count <= 5 else math.ceil(count / 2)


def _wrapped(panels: list[Panel]) -> list[Panel | None]:
    columns = _grid_columns(len(panels))
    return [*panels, *[None] * (-len(panels) % columns)]


def _display(picture: np.ndarray) -> np.ndarray:
    """Small pictures enlarged by a whole factor (a pixel stays a square), very large ones reduced."""
    height, width = picture.shape[:2]
    if width > MAX_PANEL_WIDTH:
        size = (MAX_PANEL_WIDTH, round(height * MAX_PANEL_WIDTH / width))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return enlarge(picture, max(1, round(PANEL_WIDTH / width)))


def _outline(picture: np.ndarray, window: tuple[slice, slice]) -> np.ndarray:
    rows, columns = window
    thickness = max(1, round(picture.shape[1] / 300))
    corners = ((columns.start, rows.start), (columns.stop - 1, rows.stop - 1))
    # White on black shows on any ground.
    framed = cv2.rectangle(picture.copy(), *corners, color=(0, 0, 0), thickness=3 * thickness)
    return cv2.rectangle(framed, *corners, color=(255, 255, 255), thickness=thickness)


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
    return _with_differences("Near class boundaries (percent)", "score", list(evaluations), rows)


def per_class_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """IoU of each class in percent, and each network's differences to the first."""
    scores = [found.scores for found in evaluations.values()]
    classes = next(iter(evaluations.values())).classes
    rows = {label: [float(s["IoU_per_class"][index]) for s in scores] for index, label in enumerate(classes)}
    rows["mean"] = [s["mIoU"] for s in scores]
    return _with_differences("IoU per class (percent)", "class", list(evaluations), rows)


def _with_differences(title: str, first: str, names: list[str], rows: Mapping[str, list[float]]) -> Table:
    columns = [first, *names, *(f"{name} - {names[0]}" for name in names[1:])]
    cells = [[label, *values, *(value - values[0] for value in values[1:])] for label, values in rows.items()]
    return Table(title, columns, cells)


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
        origin: what goes into the JSON and the page's foot about the run; see `common.report.provenance`.
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
        Section("Origin", [Table("Where these numbers come from", ["", "value"], _flat(origin))]),
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
    indices = frame_indices(len(dataset), limit)
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


def _flat(record: Mapping[str, object], prefix: str = "") -> list[list[str]]:
    rows = []
    for key, value in record.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key} ")
        else:
            rows.append([f"{prefix}{key}", "unknown" if value is None else str(value)])
    return rows
