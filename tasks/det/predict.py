"""What detectors find in images, folders of images and videos: pictures and JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import ConfigError, DataError
from common.image_files import IMAGE_SUFFIXES, find_files, read_image
from common.json_lists import open_list
from common.panels import Panel, panel_grid
from common.report import track, write_png
from common.video import VIDEO_SUFFIXES, VideoReader, VideoWriter
from tasks.det.boxes import Detections
from tasks.det.detector import Detector, load_detectors
from tasks.det.pictures import Mark, draw_marks
from tasks.det.result_files import PIXELS, CocoIds, box_rows, coco_ids, write_coco_results

LEAST_WIDTH, MOST_WIDTH = 480, 1600  # of a picture, pixels: small ones are enlarged by a whole factor
DETECTIONS, COCO_RESULTS = "detections.json", "coco_results.json"


@dataclass
class Result:
    """What became of the inputs.

    Attributes:
        lines: what is to be told of each video.
        skipped: why inputs could not be read.
        images: how many were looked at.
        objects: how many of each class were found in them.
        seconds: that all images took, reading and writing included.
        network_seconds: that the networks took of these.
    """

    lines: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    images: int = 0
    objects: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    network_seconds: float = 0.0

    def told(self, out: str | Path) -> str:
        """All of it in some lines."""
        lines = list(self.lines)
        if self.images:
            lines.insert(
                0,
                f"{self.images} images, {_counted(self.objects)}, at {self.images / self.seconds:.1f} images/s "
                f"({1e3 * self.network_seconds / self.images:.0f} ms per image in the networks)",
            )
        return "\n".join([*lines, f"results in {out}"]) if lines else "nothing could be read"


def _counted(objects: Mapping[str, int]) -> str:
    found = ", ".join(f"{count} {name}" for name, count in sorted(objects.items()))
    return f"{sum(objects.values())} objects{f' ({found})' if found else ''}"


def predict(
    networks: Mapping[str, Sequence[str]],
    inputs: Sequence[str],
    out: str | Path,
    device: str = "cpu",
    trust: bool = False,
    threshold: float = 0.3,
    coco: str | Path | None = None,
    frames: int | None = None,
    threads: int | None = None,
) -> tuple[str, list[str]]:
    """Find objects in images and videos.

    Written are ``OUT/overlay/NAME.png`` (``.mp4`` for a video), ``OUT/detections.json`` of all images (``file``,
    ``image_id``, ``width``, ``height`` and ``boxes``, each with ``class``, ``score`` and ``box``, x1 y1 x2 y2),
    ``OUT/coco_results.json`` and, of each video, ``OUT/detections/NAME.json``. Boxes of lower scores than ``threshold``
    are only in COCO's results, which average precision is computed from. Images and videos are turned upright as they
    say themselves (EXIF), and pixels in files are those of the upright picture. Several networks stand side by side in
    the overlay; boxes in files are the last one's.

    Args:
        networks: name -> (config, checkpoint) or (ONNX file, ).
        inputs: images, videos, and folders of them.
        out: folder for the results.
        device: ``'cpu'`` or ``'cuda'``; ONNX files run on the CPU.
        trust: unpickle any object in the checkpoints.
        threshold: boxes from this score on are drawn and listed.
        coco: a COCO file whose ids of images and categories COCO's results get; by default images are numbered from 1
            on, as in ``detections.json``, and categories by their place among the classes, from 1 on.
        frames: most of them of a video.
        threads: of onnxruntime; by default one per core.

    Returns:
        Lines about what was done and how fast, and why inputs were skipped, one line each.

    Raises:
        UserError: whatever is wrong with the options or the networks.
    """
    if not 0 <= threshold <= 1:
        raise ConfigError(f"expected --threshold from 0 to 1 but found {threshold}")
    if frames is not None and frames < 1:
        raise ConfigError(f"expected --frames of at least 1 but found {frames}")
    found = find_files(inputs, Path(out), (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES), "images or videos")
    images = [pair for pair in found if pair[0].suffix.lower() not in VIDEO_SUFFIXES]
    videos = [pair for pair in found if pair[0].suffix.lower() in VIDEO_SUFFIXES]
    loaded = load_detectors(networks, device, trust, threads)
    ids = coco_ids([path for path, _ in images], next(reversed(loaded.values())).classes, coco)
    result = Result()
    if images:
        predict_images(loaded, images, Path(out), threshold, ids, result)
    for path, name in videos:
        try:
            result.lines.append(predict_video(loaded, path, Path(out), name, threshold, frames))
        except DataError as error:
            result.skipped.append(str(error))
    return result.told(out), result.skipped


def predict_images(
    networks: Mapping[str, Detector],
    images: Sequence[tuple[Path, Path]],
    out: Path,
    threshold: float,
    ids: CocoIds,
    result: Result,
) -> None:
    """Find objects in images, and add to ``result`` what became of them; those that cannot be read are skipped.

    Args:
        networks: name -> network.
        images: files and the names of their results.
        out: folder for the results.
        threshold: boxes from this score on are drawn and listed.
        ids: for COCO's results.
        result: is added to.
    """
    start = time.perf_counter()
    last = next(reversed(networks))
    results = []
    with open_list(out / DETECTIONS, "images") as rows:
        rows.start(_head(networks[last], threshold))
        for path, name in track(images, "predicting"):
            try:
                image = read_image(path)
            except DataError as error:
                result.skipped.append(str(error))
                continue
            found, seconds = _detect(networks, image)
            results += ids.rows(path, found[last])
            shown = {each: boxes[boxes.scores >= threshold] for each, boxes in found.items()}
            write_png(out / "overlay" / f"{name}.png", overlay(image, networks, shown))
            head = {"file": str(path), "image_id": ids.images[path], "width": image.shape[1], "height": image.shape[0]}
            listed = box_rows(shown[last], networks[last].classes)
            rows.add({**head, "boxes": listed})
            result.images += 1
            result.network_seconds += seconds
            result.objects.update(row["class"] for row in listed)
        rows.end()
    write_coco_results(out / COCO_RESULTS, results)
    result.seconds += time.perf_counter() - start


def _head(network: Detector, threshold: float) -> dict[str, Any]:
    return {"network": network.name, "classes": list(network.classes), "threshold": threshold, "pixels": PIXELS}


def _detect(networks: Mapping[str, Detector], image: np.ndarray) -> tuple[dict[str, Detections], float]:
    """What each network finds, and the seconds that all took."""
    start = time.perf_counter()
    found = {name: network.detect(image) for name, network in networks.items()}
    return found, time.perf_counter() - start


def overlay(image: np.ndarray, networks: Mapping[str, Detector], found: Mapping[str, Detections]) -> np.ndarray:
    """An image with the boxes of a network, or the image and each network's boxes side by side.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        networks: name -> network.
        found: name -> boxes to draw.

    Returns:
        RGB picture, uint8.
    """
    width = image.shape[1] * max(1, round(LEAST_WIDTH / image.shape[1]))
    pictures = {
        name: draw_marks(image, _marks(found[name], network), width=min(width, MOST_WIDTH))
        for name, network in networks.items()
    }
    if len(pictures) == 1:
        return next(iter(pictures.values()))
    pictures = {"image": draw_marks(image, [], width=min(width, MOST_WIDTH)), **pictures}
    return panel_grid([Panel(picture, name) for name, picture in pictures.items()], columns=len(pictures))


def _marks(found: Detections, network: Detector) -> list[Mark]:
    """Boxes in the colours of their classes, the surest on top."""
    rows = zip(found.boxes, found.scores, found.labels, strict=True)
    marks = [
        Mark(box, tuple(network.palette[label]), f"{network.classes[label]} {score:.2f}") for box, score, label in rows
    ]
    return [marks[place] for place in np.argsort(found.scores, kind="stable")]


def predict_video(
    networks: Mapping[str, Detector],
    source: Path,
    out: Path,
    name: Path,
    threshold: float,
    frames: int | None = None,
) -> str:
    """Find objects in the frames of a video, each by itself; nothing appears unless it ends well.

    Args:
        networks: name -> network.
        source: the file.
        out: folder for the results.
        name: of the results.
        threshold: boxes from this score on are drawn and listed.
        frames: most frames that are looked at; None for all.

    Returns:
        What was done and how fast, in a line or two.

    Raises:
        DataError: if not one frame can be read, or the results cannot be written.
    """
    last, network = next(reversed(networks.items()))
    start, count, network_seconds = time.perf_counter(), 0, 0.0
    objects: Counter = Counter()
    with (
        VideoReader(source) as reader,
        VideoWriter(out / "overlay" / f"{name}.mp4", reader.rate) as video,
        open_list(out / "detections" / f"{name}.json", "frames") as rows,
    ):
        for frame in track(reader, f"predicting {name}", "frames"):
            if not count:
                size = {"width": frame.image.shape[1], "height": frame.image.shape[0]}
                head = {"file": str(source), **size, "frames_per_second": reader.rate}
                rows.start({**head, **_head(network, threshold)})
            found, seconds = _detect(networks, frame.image)
            shown = {each: boxes[boxes.scores >= threshold] for each, boxes in found.items()}
            video.write(overlay(frame.image, networks, shown))
            listed = box_rows(shown[last], network.classes)
            rows.add({"frame": frame.number, "seconds": round(frame.seconds, 6), "boxes": listed})
            objects.update(row["class"] for row in listed)
            network_seconds += seconds
            count += 1
            if count == frames:
                break
        if not count:
            raise DataError(f"expected a video but no frame could be read of {source}; check the file")
        note = reader.missing(count) if frames is None else None
        rows.end({"summary": {"frames": count, "boxes": dict(objects)}, "notes": [note] if note else []})
    rate = count / (time.perf_counter() - start)
    told = f"{source}: {count} frames, {_counted(objects)}, at {rate:.1f} frames/s"
    told += f" ({1e3 * network_seconds / count:.0f} ms per frame in the networks)"
    return f"{told}\n{note}" if note else told
