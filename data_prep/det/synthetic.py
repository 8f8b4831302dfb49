"""Generate cluttered scenes with boxes, labelled both as COCO and as VOC have it.

    python data_prep/det/synthetic.py --out data/synthetic_boxes

Written are the pictures once, ``ROOT/JPEGImages/NAME.jpg``; for VOC's readers ``ROOT/Annotations/NAME.xml`` and
``ROOT/ImageSets/Main/{train,val,test}.txt``; for COCO's ``ROOT/{train,val,test}.json``, whose ``file_name`` is below
``JPEGImages``. ``ROOT/synthetic.json`` keeps the settings.

A scene has 4 to 14 things of six classes (handwritten digits, discs, triangles, rectangles, rings, stars), 12 to 60
pixels in a picture of 160, that lie on each other on a textured ground, beside up to 4 shapes that are no class. A box
is around what can be seen of a thing; things of which more than 70 % is hidden are taken out. Digits of one part are in
no other.

A scene depends on the seed, its part, its number and the size alone: not on the number of workers or of other scenes.
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

from common.box_files import BoxSet, LabelledImage, write_coco, write_voc
from common.box_files.voc import IMAGES
from common.errors import ConfigError, DataError, exit_on_user_error
from data_prep.det.scene import draw_sample
from data_prep.det.things import CLASSES
from data_prep.output import is_generated, run_jobs, whole_folder

PARTS = ("train", "val", "test")
SETTINGS_FILE = "synthetic.json"
# Raise when the pictures change, so that folders of older pictures are not taken for the same.
GENERATOR_VERSION = 1
SMALLEST, LARGEST = 64, 1024


@dataclass(frozen=True)
class Settings:
    """What the set depends on; ``size`` is the pictures' side in pixels."""

    images: dict[str, int]
    size: int
    seed: int
    version: int = GENERATOR_VERSION


def generate(
    root: str | Path,
    train: int = 600,
    val: int = 150,
    test: int = 250,
    size: int = 160,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
) -> dict[str, int]:
    """Write the set to ``root``, which appears only when all of it is there.

    Nothing happens where ``root`` already holds a set with the same settings.

    Args:
        root: folder to write.
        train: number of pictures to train on.
        val: number of pictures to validate on.
        test: number of pictures to test on.
        size: side of the pictures, pixels.
        seed: 0 or more.
        workers: processes; one for each core when None.
        force: replace a set with other settings.

    Returns:
        Number of pictures in each part.

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if ``root`` holds a set with other settings (unless ``force``), or anything else, or it cannot be
            written.
    """
    root, settings = Path(root), Settings(dict(zip(PARTS, (train, val, test), strict=True)), size, seed)
    _check_settings(settings, workers)
    if is_generated(root, SETTINGS_FILE, asdict(settings), force):
        return settings.images
    try:
        with whole_folder(root) as folder:
            _write_scenes(folder, settings, workers or os.cpu_count() or 1)
            (folder / SETTINGS_FILE).write_text(json.dumps(asdict(settings), indent=2) + "\n")
    except OSError as error:
        raise DataError(f"expected to write {root} but found: {error.strerror}; check the free space") from error
    return settings.images


def _check_settings(settings: Settings, workers: int | None) -> None:
    if min(settings.images.values()) < 0 or sum(settings.images.values()) == 0:
        raise ConfigError(f"expected at least one picture, and no part below 0, but found {settings.images}")
    if not SMALLEST <= settings.size <= LARGEST:
        raise ConfigError(f"expected a size of {SMALLEST} to {LARGEST} pixels but found {settings.size}")
    if settings.seed < 0:
        raise ConfigError(f"expected a seed of 0 or more but found {settings.seed}")
    if workers is not None and workers < 1:
        raise ConfigError(f"expected 1 worker or more but found {workers}")


def _write_scenes(folder: Path, settings: Settings, workers: int) -> None:
    (folder / IMAGES).mkdir()
    jobs = [(part, number) for part in PARTS for number in range(settings.images[part])]
    images = run_jobs(partial(_write_scene, folder / IMAGES, settings), jobs, workers, "scenes")
    for part in PARTS:
        if not settings.images[part]:
            continue
        box_set = BoxSet(CLASSES, [image for image, job in zip(images, jobs, strict=True) if job[0] == part])
        write_coco(folder / f"{part}.json", box_set, folder / IMAGES)
        write_voc(folder, part, box_set)


def _write_scene(folder: Path, settings: Settings, job: tuple[str, int]) -> LabelledImage:
    part, number = job
    sample = draw_sample(np.random.default_rng([settings.seed, PARTS.index(part), number]), settings.size, part)
    path = folder / f"{part}_{number:05d}.jpg"
    encoded = cv2.imencode(".jpg", sample.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, sample.quality])[1]
    path.write_bytes(encoded.tobytes())
    count = len(sample.labels)
    return LabelledImage(
        file=path,
        name=path.stem,
        width=settings.size,
        height=settings.size,
        boxes=sample.boxes.astype(np.float32),
        labels=sample.labels,
        ignored=np.zeros(count, bool),
        ids=tuple(range(1, count + 1)),
    )


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate cluttered scenes with boxes, in COCO's and VOC's layouts.")
    parser.add_argument("--out", type=Path, default=Path("data/synthetic_boxes"), help="folder to write")
    parser.add_argument("--train", type=int, default=600, help="pictures to train on (default %(default)s)")
    parser.add_argument("--val", type=int, default=150, help="pictures to validate on (default %(default)s)")
    parser.add_argument("--test", type=int, default=250, help="pictures to test on (default %(default)s)")
    parser.add_argument("--size", type=int, default=160, help="side of the pictures, pixels (default %(default)s)")
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
    print(f"{options.out}: pictures: {', '.join(f'{part} {count}' for part, count in counts.items())}")


if __name__ == "__main__":
    raise SystemExit(main())
