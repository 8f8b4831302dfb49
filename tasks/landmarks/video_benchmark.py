"""What following a face through a video costs and how steady its points are, on clips whose points are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from common.benchmark import CLOCKS, Spread
from common.errors import ConfigError, DataError
from common.landmark_files import LandmarkScheme, read_face_image, read_folder
from common.report import Table
from common.sources import evenly_spread
from data_prep.landmarks.synthetic import SCHEME, draw_sample
from tasks.landmarks.crop import apply, box_of
from tasks.landmarks.detector import LEAST_FACE_IN_VIDEO, Detections, FaceDetector, FixedBoxes, HaarDetector
from tasks.landmarks.face_box import FaceBox
from tasks.landmarks.landmarker import Landmarker, load_onnx
from tasks.landmarks.smoothing import jitter
from tasks.landmarks.tracking import FaceTracker, Smoothing

RATE, SECONDS = 30, 4.0  # frames a second, and length of a clip
REST = 0.4  # share of a clip in which the face rests
SEARCH_EVERY = 10  # frames, as predict does
WIDTH, HEIGHT, FACE = 640, 480, 0.45  # of the frames in pixels, and of the face as a share of their height
NOISE = 4.0  # standard deviation of the sensor's noise, of 255


class Clip(NamedTuple):
    """A moving face.

    Attributes:
        frames: RGB uint8 ``[T, H, W, 3]``.
        points: float64 ``[T, n, 2]`` in pixels of the frames.
        rests: bool ``[T]``, frames in which the face is where it was in the frame before.
    """

    frames: np.ndarray
    points: np.ndarray
    rests: np.ndarray


def moving_face(image: np.ndarray, points: np.ndarray, rng: np.random.Generator, face: FaceBox | None = None) -> Clip:
    """A clip of a picture that rests at first, and then swings, turns and grows, under a sensor's noise.

    Args:
        image: RGB uint8 ``[H, W, 3]``, a face and what is around it.
        points: float ``[n, 2]`` in its pixels.
        rng: draws the noise and the directions.
        face: where the points' box lies in the face's; None where they are the same.
    """
    box = (face or FaceBox()).to_face(box_of(points))
    scale, middle = FACE * HEIGHT / float((box[2:] - box[:2]).max()), (box[:2] + box[2:]) / 2
    count = round(RATE * SECONDS)
    phases = np.maximum(np.arange(count) / RATE - REST * SECONDS, 0.0)  # seconds since it moves
    signs = rng.choice([-1.0, 1.0], 4)
    frames, places = [], []
    for phase in phases:
        swing = np.sin(2 * np.pi * 0.5 * phase)
        size = scale * (1 + 0.15 * signs[0] * np.sin(2 * np.pi * 0.3 * phase))
        matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), 10.0 * signs[1] * swing, size)
        matrix[:, 2] += np.array([WIDTH, HEIGHT]) / 2 - middle
        aside, down = 0.19 * signs[2] * swing, 0.06 * signs[3] * np.sin(2 * np.pi * phase)
        matrix[:, 2] += np.array([WIDTH * aside, HEIGHT * down])
        frame = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        noisy = frame + rng.normal(0, NOISE, frame.shape)
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
        places.append(apply(matrix, points.astype(np.float64)))
    return Clip(np.stack(frames), np.stack(places), phases <= 0)


def video(
    networks: Sequence[str],
    faces: str | None = None,
    clips: int = 8,
    rounds: int = 3,
    clock: str = "wall",
    threads: int = 1,
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> dict[str, object]:
    """Follow moving faces with networks, and time it.

    Args:
        networks: ONNX files of `tools/export.py`.
        faces: folder of images with PTS files beside them, of the networks' scheme; by default faces are generated.
        clips: of one face each.
        rounds: of timing on the first clip; see `common.benchmark.Spread`.
        clock: ``'wall'`` or ``'cpu'``.
        threads: of onnxruntime.
        progress: goes through the clips, and may show a bar.

    Returns:
        ``clips``, ``frames``, ``size``, ``threads``, ``clock``, ``rounds``, and by network: ``raw`` and ``smoothed``,
        each with ``nme``, ``jitter`` and ``jitter_at_rest`` in percent of the scheme's ocular distance (see
        `tasks.landmarks.smoothing.jitter`); ``lost``, how often the face was lost in all clips, and found again at its
        place; and frames a second, with quartiles, ``followed`` (network and tracking) and ``searched`` (every tenth
        frame is searched too, as `tasks.landmarks.predict` does). Reading, decoding and drawing are not timed. A face
        that is lost is found again in the same frame here too, so that losses cost time.

    Raises:
        ConfigError: if there is nothing to follow or time, or a network's scheme has no points to measure by.
        DataError: if there are no faces.
        CheckpointError: for a network that can't be loaded.
    """
    if not networks or clips < 1 or rounds < 1:
        raise ConfigError(f"expected a network, a clip and a round but found {len(networks)}, {clips} and {rounds}")
    opened = {Path(path).name: load_onnx(path, threads) for path in networks}
    schemes = {network.info.scheme.name: network.info.scheme for network in opened.values()}
    if len(schemes) > 1:
        raise ConfigError(f"expected networks of one scheme of points but found {', '.join(schemes)}")
    (scheme,), face = schemes.values(), next(iter(opened.values())).info.face
    chosen = list(_faces(faces, scheme, clips))
    found: dict[str, dict[str, list]] = {name: {"raw": [], "smoothed": []} for name in opened}
    lost = dict.fromkeys(opened, 0)
    speeds: dict[str, dict[str, list[float]]] = {name: {"followed": [], "searched": []} for name in opened}
    for number in progress(range(len(chosen))):
        clip = moving_face(*chosen[number], np.random.default_rng(number), face)
        unit = scheme.distance(clip.points)
        for name, network in opened.items():
            raw, smoothed, losses = _followed(network, clip)
            lost[name] += losses
            for kind, points in (("raw", raw), ("smoothed", smoothed)):
                found[name][kind].append(_errors(points, clip, unit))
        for _ in range(rounds if number == 0 else 0):
            for name, network in opened.items():
                for kind, (detector, every) in _detectors(clip).items():
                    speeds[name][kind].append(_speed(network, clip, detector, every, clock))
    return {
        "clips": len(chosen),
        "frames": round(RATE * SECONDS),
        "size": [WIDTH, HEIGHT],
        "threads": threads,
        "clock": clock,
        "rounds": rounds,
        "networks": {
            name: {
                **{kind: _mean(each) for kind, each in found[name].items()},
                "lost": lost[name],
                **{kind: Spread.of(each)._asdict() for kind, each in speeds[name].items()},
            }
            for name in opened
        },
    }


def video_table(result: dict) -> Table:
    """A row by network and kind of points."""
    rows = []
    for name, each in result["networks"].items():
        for kind in ("raw", "smoothed"):
            scores = (f"{each[kind][key]:.2f}" for key in ("nme", "jitter", "jitter_at_rest"))
            speed = (f"{each[phase]['median']:.0f}" for phase in ("followed", "searched"))
            rows.append([name, kind, *scores, each["lost"], *speed])
    title = (
        f"{result['clips']} clips of {result['frames']} frames of {'x'.join(map(str, result['size']))}, percent of the "
        "distance of the eyes; frames a second of network and tracking, with detector also of a search of every "
        f"{SEARCH_EVERY}th frame, without reading, decoding and drawing: "
        f"onnxruntime with {result['threads']} threads, {result['clock']} time"
    )
    return Table(title, ["network", "points", "NME", "jitter", "at rest", "lost", "frames/s", "with detector"], rows)


def _faces(folder: str | None, scheme: LandmarkScheme, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if folder is not None:
        faces = read_folder(Path(folder), scheme)
        if not faces:
            raise DataError(f"expected images with PTS files in {folder} but found none")
        for place in evenly_spread(len(faces), count):
            yield read_face_image(faces[place]), faces[place].points
        return
    if scheme.num_points != SCHEME.num_points:
        raise ConfigError(
            f"expected networks of {SCHEME.num_points} points, as generated faces have, but found {scheme.num_points}; "
            "name a folder of faces (--data-root)"
        )
    for number in range(count):
        sample = draw_sample(np.random.default_rng((1, number)), 256)
        yield sample.image, sample.points


class _SearchedFrames:
    """Searches frames as predict does in videos, and then tells where the face is whatever it found.

    So the time is that of the search, and does not depend on whether a generated face passes for one.
    """

    searches = False

    def __init__(self, places: FixedBoxes):
        self._places, self._searching = places, HaarDetector(LEAST_FACE_IN_VIDEO)

    def detect(self, image: np.ndarray, frame: int = 0, profile: bool = True) -> Detections:
        """The known place in a frame, after the search."""
        self._searching.detect(image, frame, profile)
        return self._places.detect(image, frame, profile)


def _places(clip: Clip) -> FixedBoxes:
    return FixedBoxes({frame: Detections.of([box_of(points)], [np.nan]) for frame, points in enumerate(clip.points)})


def _detectors(clip: Clip) -> dict[str, tuple[FaceDetector, int]]:
    """What is timed: detectors, and frames from one search to the next."""
    places = _places(clip)
    return {"followed": (places, len(clip.frames)), "searched": (_SearchedFrames(places), SEARCH_EVERY)}


def _tracker(network: Landmarker, detector: FaceDetector, every: int) -> FaceTracker:
    return FaceTracker(network, detector, detect_every=every, most=1, smoothing=Smoothing())


def _followed(network: Landmarker, clip: Clip) -> tuple[np.ndarray, np.ndarray, int]:
    """Points of each frame as the network gives them, and smoothed, and how often the face was lost.

    A face that is lost is found again at its place.
    """
    tracker = _tracker(network, _places(clip), len(clip.frames))
    faces = [tracker.step(image, frame, frame / RATE)[0] for frame, image in enumerate(clip.frames)]
    return np.stack([face.raw for face in faces]), np.stack([face.points for face in faces]), tracker.tracks - 1


def _errors(points: np.ndarray, clip: Clip, unit: np.ndarray) -> tuple[float, ...]:
    """Mean error, jitter and jitter at rest, in percent of a distance that is told for each frame, ``[T]``."""
    found, truth = (100 * each / unit[:, None, None] for each in (points, clip.points))
    nme = float(np.linalg.norm(found - truth, axis=2).mean())
    return nme, jitter(found, truth), jitter(found[clip.rests], truth[clip.rests])


def _speed(network: Landmarker, clip: Clip, detector: FaceDetector, every: int, clock: str) -> float:
    tracker = _tracker(network, detector, every)
    now = CLOCKS[clock]
    start = now()
    for frame, image in enumerate(clip.frames):
        tracker.step(image, frame, frame / RATE)
    return len(clip.frames) / (now() - start)


def _mean(each: Sequence[tuple[float, ...]]) -> dict[str, float]:
    return dict(zip(("nme", "jitter", "jitter_at_rest"), np.mean(each, axis=0).tolist(), strict=True))
