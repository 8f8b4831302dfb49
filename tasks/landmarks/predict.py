"""Where the landmarks are in images, folders of images, videos and what a camera sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import ConfigError, DataError
from common.image_files import IMAGE_SUFFIXES, find_files, read_image
from common.landmark_files.pts import write_pts
from common.report import track, write_png
from common.video import CAMERA, VIDEO_SUFFIXES, VideoReader, VideoWriter
from tasks.landmarks.detector import (
    LEAST_FACE_IN_VIDEO,
    Detections,
    FaceDetector,
    FixedBoxes,
    GivenBoxes,
    HaarDetector,
    WholeImage,
    check_box,
    read_boxes,
)
from tasks.landmarks.landmarker import Landmarker, load_checkpoint, load_onnx
from tasks.landmarks.overlay import draw_faces, side_by_side, zoom_of
from tasks.landmarks.point_files import FoundFace, open_frames, open_pts, write_image_faces
from tasks.landmarks.tracking import FaceTracker, Smoothing

NAMES_SHOWN = 10  # of images without a face


@dataclass(frozen=True)
class Settings:
    """How faces are looked for, and what is written.

    Attributes:
        detector: of a file, by its path.
        refine: see `Landmarker.points`.
        faces: most of them in an image, the surest first; None for all.
        detect_every: see `FaceTracker`.
        smoothing: of videos; None for none.
        pts: write PTS files too.
        frames: of each video that are looked at; None for all.
    """

    detector: Callable[[str | Path], FaceDetector]
    refine: int | None = None
    faces: int | None = None
    detect_every: int = 10
    smoothing: Smoothing | None = None
    pts: bool = False
    frames: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("refine", 0), ("faces", 1), ("detect_every", 1), ("frames", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"expected --{name.replace('_', '-')} of at least {least} but found {value}")


@dataclass
class Result:
    """What became of the inputs.

    Attributes:
        lines: what is to be told of each video.
        skipped: why inputs could not be read.
        images: how many were looked at.
        faces: how many were found in them.
        empty: images without a face.
        seconds: that all images took, reading and writing included.
        network_seconds: that the networks took of these.
    """

    lines: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    images: int = 0
    faces: int = 0
    empty: list[str] = field(default_factory=list)
    seconds: float = 0.0
    network_seconds: float = 0.0

    def told(self, out: str | Path) -> str:
        """All of it in some lines."""
        lines = list(self.lines)
        if self.images:
            lines.insert(
                0,
                f"{self.images} images, {self.faces} faces, at {self.images / self.seconds:.1f} images/s "
                f"({1e3 * self.network_seconds / max(self.faces, 1):.0f} ms for each face in the networks)",
            )
        if self.empty:
            more = len(self.empty) - NAMES_SHOWN
            names = ", ".join(self.empty[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
            lines.append(f"no face was found in {names}: no points for them; give boxes (--box, --boxes or --whole)")
        return "\n".join([*lines, f"results in {out}"]) if lines else "nothing could be read"


def predict(
    networks: Mapping[str, Sequence[str]],
    inputs: Sequence[str],
    out: str | Path,
    device: str = "cpu",
    trust: bool = False,
    box: Sequence[float] | None = None,
    boxes: str | Path | None = None,
    whole: bool = False,
    refine: int | None = None,
    faces: int | None = None,
    pts: bool = False,
    frames: int | None = None,
    detect_every: int = 10,
    no_smoothing: bool = False,
    min_cutoff: float = Smoothing.min_cutoff,
    beta: float = Smoothing.beta,
    threads: int | None = None,
) -> tuple[str, list[str]]:
    """Find landmarks in images and videos.

    Written are ``OUT/overlay/NAME.png`` (``.mp4`` for a video; small pictures are enlarged by a whole factor) and
    ``OUT/landmarks/NAME.json``, see `tasks.landmarks.point_files`. Images and videos are turned upright as they say
    themselves (EXIF), and pixels in files are those of the upright picture. Several networks stand side by side in the
    overlay; the points in files are the last one's.

    Args:
        networks: name -> (config, checkpoint) or (ONNX file, ).
        inputs: images, videos, folders of them, or ``'camera:0'``, which is listened to until it is interrupted.
        out: folder for the results.
        device: ``'cpu'`` or ``'cuda'``; ONNX files run on the CPU.
        trust: unpickle any object in the checkpoints.
        box: x0, y0, x1, y1, the tight box of the landmarks, in every image, or in the first frame of every video.
        boxes: file of boxes; see `tasks.landmarks.detector.read_boxes`.
        whole: images are crops of faces already.
        refine: predictions of a face after the first, each cropped by the points of the one before; by default 1.
        faces: most of them in an image.
        pts: write ``OUT/landmarks/NAME.pts`` too (``NAME_2.pts`` for a second face; ``NAME/FRAME.pts`` for a video, in
            place of those of an older one).
        frames: most of them of a video.
        detect_every: frames of a video from one look for faces to the next, while one is followed.
        no_smoothing: leave the points of videos as they are.
        min_cutoff, beta: of the smoothing; see `Smoothing`.
        threads: of onnxruntime; by default one per core.

    Returns:
        Lines about what was done and how fast, and why inputs were skipped, one line each.

    Raises:
        UserError: whatever is wrong with the options or the networks.
    """
    loaded = load_networks(networks, device, trust, threads)
    settings = Settings(
        _detectors(box, boxes, whole, next(reversed(loaded.values()))),
        refine,
        faces,
        detect_every,
        None if no_smoothing else Smoothing(min_cutoff, beta),
        pts,
        frames,
    )
    cameras = [source for source in inputs if source.startswith(CAMERA)]
    found = find_files(
        [source for source in inputs if source not in cameras],
        Path(out),
        (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES),
        "images or videos",
    )
    result = Result()
    images = [pair for pair in found if not _is_video(pair[0])]
    predict_images(loaded, images, Path(out), settings, result)
    videos = [pair for pair in found if _is_video(pair[0])]
    videos += [(source, Path(source.replace(":", ""))) for source in cameras]
    for source, name in videos:
        try:
            result.lines.append(predict_video(loaded, source, Path(out), name, settings))
        except DataError as error:
            result.skipped.append(str(error))
    return result.told(out), result.skipped


def load_networks(
    networks: Mapping[str, Sequence[str]], device: str, trust: bool = False, threads: int | None = None
) -> dict[str, Landmarker]:
    """Networks by name, from (config, checkpoint) or (ONNX file, ).

    Raises:
        ConfigError: without a network.
        CheckpointError: if one cannot be loaded.
    """
    if not networks:
        raise ConfigError("expected a network before the images: NETWORK.onnx, or CONFIG CHECKPOINT")
    return {
        name: load_onnx(*paths, threads) if len(paths) == 1 else load_checkpoint(*paths, device, trust)
        for name, paths in networks.items()
    }


def _detectors(
    box: Sequence[float] | None, boxes: str | Path | None, whole: bool, network: Landmarker
) -> Callable[[str | Path], FaceDetector]:
    if sum((box is not None, boxes is not None, whole)) > 1:
        raise ConfigError("expected one of --box, --boxes and --whole but found several; choose one")
    if boxes is not None:
        given: GivenBoxes = read_boxes(boxes)
        return given.of
    if box is not None:
        detector: FaceDetector = FixedBoxes({0: Detections.of([check_box(box, "--box")], [np.nan])})
    elif whole:
        detector = WholeImage(network.info.margin, network.info.stretch)
    else:
        in_images, in_videos = HaarDetector(), HaarDetector(LEAST_FACE_IN_VIDEO)
        return lambda source: in_videos if _is_video(source) else in_images
    return lambda source: detector


def _is_video(source: str | Path) -> bool:
    return str(source).startswith(CAMERA) or Path(source).suffix.lower() in VIDEO_SUFFIXES


def predict_images(
    networks: Mapping[str, Landmarker],
    images: Iterable[tuple[Path, Path]],
    out: Path,
    settings: Settings,
    result: Result,
) -> None:
    """Find landmarks in images, and add to ``result`` what became of them; those that cannot be read are skipped.

    Args:
        networks: name -> network.
        images: files and the names of their results.
        out: folder for the results.
        settings: how.
        result: is added to.
    """
    start = time.perf_counter()
    images = list(images)
    for path, name in track(images, "predicting") if images else ():
        try:
            image = read_image(path)
        except DataError as error:
            result.skipped.append(str(error))
            continue
        detector = settings.detector(path)
        found = detector.detect(image)
        boxes = found.boxes[: settings.faces]
        before = time.perf_counter()
        points = {
            each: network.points(image, boxes, settings.refine, detector.searches) for each, network in networks.items()
        }
        result.network_seconds += time.perf_counter() - before
        result.images += 1
        result.faces += len(boxes)
        if not len(boxes):
            result.empty.append(str(path))
        write_png(out / "overlay" / f"{name}.png", _overlay(image, networks, points))
        last, network = next(reversed(networks.items()))
        faces = [FoundFace(face, score) for face, score in zip(points[last], found.scores, strict=False)]
        target = out / "landmarks" / f"{name}.json"
        write_image_faces(target, _head(path, image, network), faces)
        for number, face in enumerate(faces, 1) if settings.pts else ():
            write_pts(target.with_name(target.stem + (f"_{number}" if number > 1 else "") + ".pts"), face.points)
    result.seconds += time.perf_counter() - start


def _overlay(
    image: np.ndarray, networks: Mapping[str, Landmarker], points: Mapping[str, Sequence[np.ndarray]]
) -> np.ndarray:
    zoom = zoom_of(image)
    pictures = {
        each: draw_faces(image, points[each], network.info.scheme, zoom=zoom) for each, network in networks.items()
    }
    return side_by_side(image, pictures)


def _head(source: str | Path, image: np.ndarray, network: Landmarker) -> dict[str, Any]:
    return {
        "input": str(source),
        "width": image.shape[1],
        "height": image.shape[0],
        "network": network.name,
        "scheme": network.info.scheme.name,
    }


def predict_video(
    networks: Mapping[str, Landmarker], source: str | Path, out: Path, name: Path, settings: Settings
) -> str:
    """Find landmarks in a video, or in what a camera sees until it is interrupted; nothing appears unless it ends well.

    Args:
        networks: name -> network.
        source: a file or a camera.
        out: folder for the results.
        name: of the results.
        settings: how.

    Returns:
        What was done and how fast, in a line or two.

    Raises:
        DataError: if not one frame can be read, or the results cannot be written.
    """
    trackers = {
        each: FaceTracker(
            network,
            settings.detector(source),
            settings.refine,
            settings.detect_every,
            settings.faces,
            settings.smoothing,
        )
        for each, network in networks.items()
    }
    last, network = next(reversed(networks.items()))
    start, frames, with_faces = time.perf_counter(), 0, 0
    target = out / "landmarks" / f"{name}.json"
    with (
        VideoReader(source) as reader,
        VideoWriter(out / "overlay" / f"{name}.mp4", reader.rate) as video,
        open_frames(target, partial(_head, source, network=network), reader.rate) as listing,
        open_pts(target.with_suffix("")) if settings.pts else nullcontext() as points_files,
    ):
        try:
            for frame in reader if reader.live else track(reader, f"predicting {name}", "frames"):
                faces = {each: tracker.step(frame.image, *frame[:2]) for each, tracker in trackers.items()}
                points = {each: [face.points for face in found] for each, found in faces.items()}
                video.write(_overlay(frame.image, networks, points), frame.seconds if reader.live else None)
                listing.add(frame, faces[last])
                if points_files is not None:
                    points_files(frame, faces[last])
                frames, with_faces = frames + 1, with_faces + bool(faces[last])
                if frames == settings.frames:
                    break
        except KeyboardInterrupt:
            if not reader.live:
                raise
        if not frames:
            raise DataError(f"expected a video but no frame could be read of {source}; check the file")
        notes = [note for note in [settings.frames is None and reader.missing(frames)] if note]
        if not with_faces:
            notes.append(f"no face was found in any of its {frames} frames: the overlay is the video as it was")
        listing.close({"frames": frames, "frames_with_faces": with_faces, "tracks": trackers[last].tracks}, notes)
    rate = frames / (time.perf_counter() - start)
    told = f"{source}: {frames} frames, {with_faces} with faces ({trackers[last].tracks} followed), {rate:.1f} frames/s"
    return "\n".join([told, *(f"{source}: {note}" for note in notes)])
