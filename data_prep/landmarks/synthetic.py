"""Generate faces with 68 points, as a folder of images and PTS files.

    python data_prep/landmarks/synthetic.py --out data/demo/landmarks

Written is what `common.landmark_files.read_folder` reads: ``{train,val,test}/NAME.jpg`` and ``NAME.pts`` (68 points in
the order of 300W, from 1), ``scheme.json``, and in each part ``faces.json`` with attributes (``pose``, ``expression``,
``occlusion``, ``blur``, ``dark``), with the points that something in front hides, and with the subset ``challenging``
for faces with two of the attributes or more, ``common`` for the others. ``synthetic.json`` keeps the settings.

Every picture shows another person: a shaded head with hair, beard, glasses, a hand or a board before it, on a cluttered
background, now and then blurred, dark or noisy. The points are those that were drawn. Points of the jaw, brows and eyes
that the turned head hides are on the outline that can be seen; other hidden points are where they would be seen.

A face depends on the seed, its part, its number and the size alone: not on the number of workers or of other faces.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from common.errors import ConfigError, DataError, exit_on_user_error
from common.landmark_files import Face, pts_text, write_notes, write_scheme
from data_prep.landmarks.face_look import Look
from data_prep.landmarks.face_modes import SCHEME, Expression, Identity, Pose
from data_prep.landmarks.face_render import FINER, draw_head, fit_view
from data_prep.landmarks.face_scene import Camera, background, occlude
from data_prep.landmarks.face_shape import Head
from data_prep.output import is_generated, run_jobs, whole_folder

PARTS = ("train", "val", "test")
SETTINGS_FILE = "synthetic.json"
# Raise when the pictures change, so that folders of older pictures are not taken for the same.
GENERATOR_VERSION = 1
SMALLEST, LARGEST = 48, 1024


@dataclass(frozen=True)
class Settings:
    """What the set depends on; ``size`` is the pictures' side in pixels."""

    faces: dict[str, int]
    size: int
    seed: int
    version: int = GENERATOR_VERSION


@dataclass(frozen=True)
class Sample:
    """A generated picture.

    Attributes:
        image: uint8 ``[S, S, 3]``, RGB.
        points: float32 ``[68, 2]``, pixels; (0, 0) is the middle of the first pixel.
        visible: bool ``[68]``; False behind a hand or a board.
        attributes: pose, expression, occlusion, blur and dark.
        quality: of JPEG.
    """

    image: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    attributes: dict[str, bool]
    quality: int


def draw_sample(rng: np.random.Generator, size: int) -> Sample:
    """A random face in a random place; ``size`` is the picture's side in pixels."""
    head = Head(Identity.sample(rng), Expression.sample(rng), Pose.sample(rng))
    look, camera = Look.sample(rng), Camera.sample(rng)
    view = fit_view(head, size, rng.uniform(0.5, 0.72), tuple(rng.uniform(-0.07, 0.07, 2)))
    canvas = background(rng, FINER * size)
    fine = view.finer(FINER)
    draw_head(canvas, head, fine, look)
    hidden = np.zeros(SCHEME.num_points, bool)
    if rng.random() < 0.2:
        hidden = occlude(rng, canvas, fine.project(head.points), fine.scale)
    image = camera.expose(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), rng)
    face = head.expression
    attributes = {
        "pose": abs(head.pose.yaw) > 25 or abs(head.pose.pitch) > 13,
        "expression": face.mouth_open > 0.8 or abs(face.smile) > 0.5 or min(face.eyes_open) < 0.2,
        "occlusion": bool(hidden.any()) or look.hides_eyes,
        "blur": camera.is_blurred,
        "dark": camera.is_dark,
    }
    return Sample(image, view.project(head.points).astype(np.float32), ~hidden, attributes, camera.quality)


def generate(
    root: str | Path,
    train: int = 2000,
    val: int = 200,
    test: int = 400,
    size: int = 128,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Write the set to ``root``, which appears only when all of it is there.

    Nothing happens where ``root`` already holds a set with the same settings.

    Args:
        root: folder to write.
        train: number of faces to train on.
        val: number of faces to validate on.
        test: number of faces to test on.
        size: side of the pictures, pixels.
        seed: 0 or more.
        workers: processes; one for each core when None.
        force: replace a set with other settings.

    Returns:
        Number of faces in each part.

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if ``root`` holds a set with other settings (unless ``force``), or anything else, or it cannot be
            written.
    """
    root, settings = Path(root), Settings(dict(zip(PARTS, (train, val, test), strict=True)), size, seed)
    _check_settings(settings, workers)
    if is_generated(root, SETTINGS_FILE, asdict(settings), force):
        return settings.faces
    try:
        with whole_folder(root) as folder:
            _write_faces(folder, settings, workers or os.cpu_count() or 1)
            write_scheme(folder / "scheme.json", SCHEME)
            (folder / SETTINGS_FILE).write_text(json.dumps(asdict(settings), indent=2) + "\n")
    except OSError as error:
        raise DataError(f"expected to write {root} but found: {error.strerror}; check the free space") from error
    return settings.faces


def _check_settings(settings: Settings, workers: int | None) -> None:
    if min(settings.faces.values()) < 0 or sum(settings.faces.values()) == 0:
        raise ConfigError(f"expected at least one face, and no part below 0, but found {settings.faces}")
    if not SMALLEST <= settings.size <= LARGEST:
        raise ConfigError(f"expected a size of {SMALLEST} to {LARGEST} pixels but found {settings.size}")
    if settings.seed < 0:
        raise ConfigError(f"expected a seed of 0 or more but found {settings.seed}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected 1 worker or more but found {workers}")


def _write_faces(folder: Path, settings: Settings, workers: int) -> None:
    jobs = [(part, number) for part in PARTS for number in range(settings.faces[part])]
    for part in PARTS:
        (folder / part).mkdir()
    faces = run_jobs(partial(_write_face, folder, settings), jobs, workers, "faces")
    for part in PARTS:
        if settings.faces[part]:
            write_notes(folder / part, [face for face in faces if face.image.parent.name == part])


def _write_face(folder: Path, settings: Settings, job: tuple[str, int]) -> Face:
    part, number = job
    sample = draw_sample(np.random.default_rng([settings.seed, PARTS.index(part), number]), settings.size)
    path = folder / part / f"{part}_{number:05d}.jpg"
    encoded = cv2.imencode(".jpg", sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, sample.quality])[1]
    path.write_bytes(encoded.tobytes())
    path.with_suffix(".pts").write_text(pts_text(sample.points))
    subset = "challenging" if sum(sample.attributes.values()) > 1 else "common"
    return Face(path, sample.points, sample.visible, subset=subset, attributes=sample.attributes)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate faces with 68 points as a folder of images and PTS files.")
    parser.add_argument("--out", type=Path, default=Path("data/demo/landmarks"), help="folder to write")
    parser.add_argument("--train", type=int, default=2000, help="faces to train on (default %(default)s)")
    parser.add_argument("--val", type=int, default=200, help="faces to validate on (default %(default)s)")
    parser.add_argument("--test", type=int, default=400, help="faces to test on (default %(default)s)")
    parser.add_argument("--size", type=int, default=128, help="side of the pictures, pixels (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--force", action="store_true", help="replace a generated folder that has other settings")
    options = parser.parse_args(arguments)
    counts = generate(
        options.out,
        train=options.train,
        val=options.val,
        test=options.test,
        size=options.size,
        seed=options.seed,
        workers=options.workers,
        force=options.force,
    )
    print(f"{options.out}: faces: {', '.join(f'{part} {count}' for part, count in counts.items())}")


if __name__ == "__main__":
    raise SystemExit(main())
