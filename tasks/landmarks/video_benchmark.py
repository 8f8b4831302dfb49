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
from tasks.landmarks.detector import Detections, FixedBoxes, HaarDetector
from tasks.landmarks.landmarker import Landmarker, load_onnx
from tasks.landmarks.tracking import FaceTracker, Smoothing

RATE, SECONDS = 30, 4.0  # frames a second, and length of a clip
REST = 0.4  # share of a clip in which the face rests
WIDTH, HEIGHT, FACE = 320, 240, 0.45  # of the frames in pixels, and of the face as a share of their height
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


def moving_face(image: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> Clip:
    """A clip of a picture that rests at first, and then swings, turns and grows, under a sensor's noise.

    Args:
        image: RGB uint8 ``[H, W, 3]``, a face and what is around it.
        points: float ``[n, 2]`` in its pixels.
        rng: draws the noise and the directions.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    scale, middle = FACE * HEIGHT / float((high - low).max()), (low + high) / 2
    count = round(RATE * SECONDS)
    phases = np.maximum(np.arange(count) / RATE - REST * SECONDS, 0.0)  # seconds since it moves
    signs = rng.choice([-1.0, 1.0], 4)
    frames, places = [], []
    for phase in phases:
        swing = np.sin(2 * np.pi * 0.5 * phase)
        size = scale * (1 + 0.15 * signs[0] * np.sin(2 * np.pi * 0.3 * phase))
        matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), 10.0 * signs[1] * swing, size)
        matrix[:, 2] += np.array([WIDTH, HEIGHT]) / 2 - middle
        matrix[:, 2] += np.array([60.0 * signs[2] * swing, 15.0 * signs[3] * np.sin(2 * np.pi * phase)])
        frame = cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        noisy = frame + rng.normal(0, NOISE, frame.shape)
        frames.append(np.clip(noisy, 0, 255).astype(np.uint8))
        places.append(apply(matrix, points.astype(np.float64)))
    return Clip(np.stack(frames), np.stack(places), phases <= 0)


def steadiness(raw: np.ndarray, truth: np.ndarray, unit: np.ndarray) -> tuple[float, float]:
    """Mean error and jitter of points in a clip, in percent of a distance.

    Jitter is the root mean square of how much a point's error changes from one frame to the next: 0 for points that
    are wrong in the same way all the time.

    Args:
        raw: predicted points ``[T, n, 2]``.
        truth: of the same shape.
        unit: distance in each frame, ``[T]``.
    """
    errors = (raw - truth) / unit[:, None, None]
    change = np.diff(errors, axis=0)
    return 100 * float(np.linalg.norm(errors, axis=2).mean()), 100 * float(np.sqrt(np.square(change).sum(2).mean()))


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
        ``clips``, ``frames``, ``threads``, ``clock``, ``rounds``, and by network: ``raw`` and ``smoothed``, each with
        ``nme`` and ``jitter`` (see `steadiness`; all frames, and ``jitter_at_rest``), and frames a second, with
        quartiles, ``followed`` (network and tracking) and ``searched`` (a detector looks at every tenth frame too).

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
    (scheme,) = schemes.values()
    chosen = list(_faces(faces, scheme, clips))
    found: dict[str, dict[str, list]] = {name: {"raw": [], "smoothed": []} for name in opened}
    speeds: dict[str, dict[str, list[float]]] = {name: {"followed": [], "searched": []} for name in opened}
    for number in progress(range(len(chosen))):
        clip = moving_face(*chosen[number], np.random.default_rng(number))
        unit = scheme.distance(clip.points)
        for name, network in opened.items():
            raw, smoothed = _followed(network, clip)
            for kind, points in (("raw", raw), ("smoothed", smoothed)):
                nme, jitter = steadiness(points, clip.points, unit)
                rest = steadiness(points[clip.rests], clip.points[clip.rests], unit[clip.rests])[1]
                found[name][kind].append((nme, jitter, rest))
        for _ in range(rounds if number == 0 else 0):
            for name, network in opened.items():
                speeds[name]["followed"].append(_speed(network, clip, _first_box(clip), clock))
                speeds[name]["searched"].append(_speed(network, clip, HaarDetector(), clock))
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
            rows.append([name, kind, *scores, *speed])
    title = (
        f"{result['clips']} clips of {result['frames']} frames, percent of the distance of the eyes; frames a second: "
        f"onnxruntime with {result['threads']} threads, {result['clock']} time"
    )
    return Table(title, ["network", "points", "NME", "jitter", "at rest", "frames/s", "with detector"], rows)


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


def _first_box(clip: Clip) -> FixedBoxes:
    return FixedBoxes({0: Detections.of([box_of(clip.points[0])], [np.nan])})


def _followed(network: Landmarker, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Points of each frame as the network gives them, and smoothed; a face that is lost is found again at its place."""
    detector = FixedBoxes(
        {frame: Detections.of([box_of(points)], [np.nan]) for frame, points in enumerate(clip.points)}
    )
    tracker = FaceTracker(network, detector, detect_every=len(clip.frames), most=1, smoothing=Smoothing())
    faces = [tracker.step(image, frame, frame / RATE)[0] for frame, image in enumerate(clip.frames)]
    return np.stack([face.raw for face in faces]), np.stack([face.points for face in faces])


def _speed(network: Landmarker, clip: Clip, detector: FixedBoxes | HaarDetector, clock: str) -> float:
    tracker = FaceTracker(network, detector, most=1, smoothing=Smoothing())
    now = CLOCKS[clock]
    start = now()
    for frame, image in enumerate(clip.frames):
        tracker.step(image, frame, frame / RATE)
    return len(clip.frames) / (now() - start)


def _mean(each: Sequence[tuple[float, float, float]]) -> dict[str, float]:
    return dict(zip(("nme", "jitter", "jitter_at_rest"), np.mean(each, axis=0).tolist(), strict=True))
