"""Tables, curves and pictures of detectors that are evaluated side by side, and the page with all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.image_files import read_image
from common.report import (
    Picture,
    Section,
    Table,
    difference_table,
    line_plot,
    origin_section,
    write_html,
    write_json,
    write_png,
    write_text,
)
from tasks.det.coco_scores import RECALLS, SIZES, size_counts
from tasks.det.error_types import KINDS, SortedImage
from tasks.det.evaluation import SHOWN_SCORE, Evaluation
from tasks.det.pictures import choose_images, comparison_picture, gain_sheet, object_gains

MOST_OBJECTS = 12  # close views in one sheet
ERROR_NOTE = (
    "Kinds and gains as TIDE (Bolya et al., ECCV 2020) defines them: a detection finds an object of its class at an "
    "IoU of 0.5, and below 0.1 it sees background. A gain is what AP50 would rise by if errors of that kind alone were "
    "mended; gains do not add up. They weigh detections of every score, the counts only those from "
    f"{SHOWN_SCORE:g} on."
)


def summary_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """One row per network: COCO's and VOC's scores in percent."""
    keys = ("AP", "AP50", "AP75", "AR", "mAP_11", "mAP_area")
    rows = [[name, *(found.scores[key] for key in keys)] for name, found in evaluations.items()]
    images = next(iter(evaluations.values())).images
    objects = sum(int((~image.objects.ignored).sum()) for image in images)
    columns = ["network", "AP", "AP50", "AP75", "AR", "VOC mAP, 11 points", "VOC mAP, area"]
    return Table(f"Scores over {len(images)} images with {objects} objects (percent)", columns, rows)


def size_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """AP of small, medium and large objects in percent, and each network's differences to the first."""
    counts = size_counts([image.objects for image in next(iter(evaluations.values())).images])
    ranges = {"small": "small, below 32x32", "medium": "medium", "large": "large, above 96x96"}
    rows = {
        f"{ranges[name]} (n = {counts[name]})": [found.scores[f"AP_{name}"] for found in evaluations.values()]
        for name in SIZES
    }
    return difference_table("AP by size of the object (percent)", "size", list(evaluations), rows)


def per_class_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """AP of each class in percent, and each network's differences to the first."""
    scores = [found.scores for found in evaluations.values()]
    classes = next(iter(evaluations.values())).classes
    rows = {label: [float(s["AP_per_class"][index]) for s in scores] for index, label in enumerate(classes)}
    rows["mean"] = [s["AP"] for s in scores]
    return difference_table("AP per class (percent)", "class", list(evaluations), rows)


def error_gain_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """What mending each kind of error would add to AP50; less is better."""
    rows = {kind: [found.errors.gains[kind] for found in evaluations.values()] for kind in KINDS}
    return difference_table("AP50 that mending each kind of error would add", "kind", list(evaluations), rows)


def error_count_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """How many errors of each kind are made with scores from `SHOWN_SCORE` on."""
    rows = [[kind, *(found.confident_errors.counts[kind] for found in evaluations.values())] for kind in KINDS]
    title = f"Errors among detections with a score of at least {SHOWN_SCORE:g}"
    return Table(title, ["kind", *evaluations], rows)


def cost_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """Size and speed of each network."""
    rows = []
    for name, found in evaluations.items():
        size = "x".join(map(str, found.size)) if found.size else None
        macs = found.macs / 1e9 if found.macs is not None else None
        times = found.latency or (None, None)
        rows.append([name, found.parameters / 1e6, macs, size, *times, found.images_per_second])
    columns = ["network", "M params", "GMACs", "for an input of", "median ms", "95 % ms", "images/s"]
    return Table("Cost of an image (papers on detectors write GFLOPs for GMACs)", columns, rows)


def record_of(found: Evaluation) -> dict[str, Any]:
    """What the report keeps of an evaluation, of images their names and counts: no folders of this machine."""
    images = []
    for image in found.images:
        became = image.sorted()
        right = int(became.found.sum())
        counts = {"objects": int((~image.objects.ignored).sum()), "found": right}
        images.append({"name": image.name, **counts, "false": sum(kind in KINDS for kind in became.kinds)})
    errors = {
        "AP50": found.errors.average_precision,
        "gains": found.errors.gains,
        "counts": found.errors.counts,
        "shown_score": SHOWN_SCORE,
        "shown_counts": found.confident_errors.counts,
    }
    return {
        "scores": found.scores,
        "classes": found.classes,
        "errors": errors,
        "parameters": found.parameters,
        "macs": found.macs,
        "size": found.size,
        "latency_ms": found.latency._asdict() if found.latency else None,
        "network_seconds": found.network_seconds,
        "images_per_second": found.images_per_second,
        "images": images,
    }


def write_evaluation(
    evaluations: Mapping[str, Evaluation],
    out: str | Path,
    origin: Mapping[str, object],
    pictures: int = 6,
) -> Path:
    """Write evaluation.json, per_class.csv, errors.csv, curves and pictures (PNG), and index.html with all of them.

    Args:
        evaluations: name -> result, all over the same images; the first is the reference.
        out: the folder.
        origin: what goes into the JSON and the page's foot about the run; see `common.provenance.provenance`.
        pictures: how many images are pictured, and twice as many objects that only the first or the last network finds.

    Returns:
        The path of the page.
    """
    out = Path(out)
    record = {name: record_of(found) for name, found in evaluations.items()}
    per_class, gains = per_class_table(evaluations), error_gain_table(evaluations)
    write_json(out / "evaluation.json", {"networks": record, "provenance": origin})
    write_text(out / "per_class.csv", per_class.csv())
    write_text(out / "errors.csv", gains.csv())
    sections = [
        Section("Scores", [summary_table(evaluations), size_table(evaluations), _note(len(evaluations))]),
        Section("Curves", _curves(evaluations, out)),
        Section("Kinds of errors", [gains, error_count_table(evaluations), ERROR_NOTE]),
        Section("Classes", [per_class]),
        Section("Cost", [cost_table(evaluations)]),
        *_picture_sections(evaluations, out, pictures),
        origin_section(origin),
    ]
    write_html(out / "index.html", f"Detection: {', '.join(evaluations)}", sections)
    return out / "index.html"


def _note(count: int) -> str:
    note = (
        "AP is COCO's, over IoU 0.50 to 0.95, of at most 100 detections of each class and image; AR is the recall with "
        "them. VOC's mAP is at IoU 0.5."
    )
    if count == 1:
        return note
    return f"One checkpoint per network: a difference here carries no spread over seeds, so it may be chance. {note}"


def _curves(evaluations: Mapping[str, Evaluation], out: Path) -> list[Picture]:
    parts = []
    for iou in (0.5, 0.75):
        curves = {
            name: dict(zip(RECALLS, found.scores["precision_by_recall"][iou].tolist(), strict=True))
            for name, found in evaluations.items()
        }
        path = out / f"precision_recall_{round(100 * iou)}.png"
        line_plot(curves, "recall", "precision (percent)", path, f"IoU at least {iou:g}")
        words = (
            f"Precision by recall at IoU {iou:g}, mean over classes: the area under a curve is AP{round(100 * iou)}."
        )
        parts.append(Picture(path, words))
    path = out / "ap_by_iou.png"
    line_plot(
        {name: found.scores["AP_by_iou"] for name, found in evaluations.items()},
        "IoU that makes a hit",
        "average precision (percent)",
        path,
    )
    return [*parts, Picture(path, "Average precision by the IoU from which on a detection counts; its mean is AP.")]


def _picture_sections(evaluations: Mapping[str, Evaluation], out: Path, pictures: int) -> list[Section]:
    """Whole images, and close views of single objects that only the first or only the last network finds."""
    if not pictures:
        return []
    became = {name: [image.sorted() for image in found.images] for name, found in evaluations.items()}
    sections = []
    if len(evaluations) > 1:
        first, *_, last = evaluations
        parts: list[str | Picture] = []
        for here, elsewhere in ((last, first), (first, last)):
            parts += _gain_parts(evaluations[first], became, here, elsewhere, out, min(2 * pictures, MOST_OBJECTS))
        sections.append(Section("Objects that only one of them finds", parts))
    frames = _frame_parts(next(iter(evaluations.values())), became, out, pictures)
    return [*sections, Section("Images", frames)]


def _gain_parts(
    evaluation: Evaluation,
    became: Mapping[str, Sequence[SortedImage]],
    here: str,
    elsewhere: str,
    out: Path,
    count: int,
) -> list[str | Picture]:
    gains = object_gains(became[here], became[elsewhere])
    told = (
        f"{len(gains)} objects are found by {here} and missed by {elsewhere} (score at least {SHOWN_SCORE:g}, IoU 0.5)."
    )
    if not gains:
        return [told]
    views = []
    for gain in gains[:count]:
        image = evaluation.images[gain.image]
        label = evaluation.classes[image.objects.labels[gain.place]]
        sides = {name: images[gain.image] for name, images in became.items() if name in (here, elsewhere)}
        views.append((read_image(image.path), f"{label}, {Path(image.name).stem}", gain.place, sides))
    path = out / "pictures" / f"only_{'last' if here == list(became)[-1] else 'first'}.png"
    write_png(path, gain_sheet(views, evaluation.classes))
    return [Picture(path, f"{told} Shown: the {len(views)} with the highest scores.")]


def _frame_parts(
    evaluation: Evaluation, became: Mapping[str, Sequence[SortedImage]], out: Path, count: int
) -> list[str | Picture]:
    parts: list[str | Picture] = [f"Drawn are detections with a score of at least {SHOWN_SCORE:g}."]
    for place, (index, reason) in enumerate(choose_images(list(became.values()), count)):
        image = evaluation.images[index]
        found = {name: images[index] for name, images in became.items()}
        path = out / "pictures" / f"{place:02d}_{Path(image.name).stem}.png"
        write_png(path, comparison_picture(read_image(image.path), found, evaluation.classes, evaluation.palette))
        parts.append(Picture(path, f"{image.name}: {reason}."))
    return parts
