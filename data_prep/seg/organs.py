"""Generate slices through bodies with organs, labelled: something like abdominal CT, for trying methods out.

    python data_prep/seg/organs.py --out data/synthetic_organs

Layout, as CamVid's: ``ROOT/{train,val,test}/NAME.png`` (8-bit grey), ``ROOT/{train,val,test}annot/NAME.png`` (0
background, 1 liver, 2 spleen, 3 kidney, 4 pancreas, 5 aorta) and lists ``ROOT/{train,val,test}.txt`` with lines ``image
label``. NAME is ``SPLITPATIENT_SLICE``, e.g. ``train0003_02``. ``ROOT/organs.json`` keeps the settings.

Each kind of organ has its place, size and grey level, which vary from patient to patient, and a smooth outline that
varies from slice to slice; towards its ends it gets smaller, and then it is gone. Organs that touch differ by little
more than the noise, unlabelled bowel and vessels look like organs, borders are blurred, and the brightness drifts over
the picture. The liver has over ten times as many pixels as the aorta. No picture comes from a person; a score on them
says nothing about real scans.

A patient depends on the seed, its split and its number alone: not on the number of workers or of other patients.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common.errors import ConfigError, exit_on_user_error
from data_prep.output import is_generated, run_jobs, whole_folder, write_image
from data_prep.seg.synthetic import parse_size, write_list

CLASSES = ("background", "liver", "spleen", "kidney", "pancreas", "aorta")
SPLITS = ("train", "val", "test")
SETTINGS_FILE = "organs.json"
# Raise when the pictures change, so that folders of older pictures are not taken for the same.
GENERATOR_VERSION = 1

AIR, FAT, MUSCLE, BONE = 10.0, 60.0, 105.0, 225.0  # grey levels


@dataclass(frozen=True)
class Organ:
    """A kind of organ: lengths and places in units of the body's half width and half height, from its middle.

    Attributes:
        label: value of its pixels; 0 for what looks like an organ and is none.
        centre: (right, down).
        radii: half axes (right, down).
        extent: half its length along the body; slices lie between -1 and 1.
        middle: where along the body its middle lies.
        grey: level, with the standard deviation over patients.
        bumps: how far the outline leaves the ellipse, as a share of the radius.
        tilt: of the first axis, in radians.
    """

    label: int
    centre: tuple[float, float]
    radii: tuple[float, float]
    extent: float
    middle: float
    grey: tuple[float, float]
    bumps: float
    tilt: float = 0.0


# Painted in this order: a later one covers an earlier one. Places as in a picture of a scan (liver at the left).
ORGANS = (
    Organ(0, (0.15, -0.35), (0.24, 0.16), 0.9, 0.2, (118, 10), 0.25),  # stomach and bowel, unlabelled
    Organ(0, (-0.05, -0.55), (0.30, 0.12), 0.6, 0.8, (112, 10), 0.3),
    Organ(1, (-0.45, -0.15), (0.42, 0.45), 1.1, -0.5, (138, 6), 0.15, 0.4),
    Organ(2, (0.62, 0.12), (0.17, 0.28), 0.6, -0.5, (144, 7), 0.12, -0.3),
    Organ(4, (0.1, 0.02), (0.32, 0.1), 0.5, 0.0, (128, 5), 0.3, -0.35),
    Organ(3, (-0.42, 0.45), (0.14, 0.19), 0.7, 0.4, (160, 9), 0.1, 0.3),
    Organ(3, (0.42, 0.42), (0.14, 0.19), 0.7, 0.3, (160, 9), 0.1, -0.3),
    Organ(0, (-0.14, 0.27), (0.1, 0.085), 2.0, 0.0, (148, 10), 0.1),  # vena cava, unlabelled
    Organ(5, (0.09, 0.27), (0.085, 0.085), 2.0, 0.0, (168, 8), 0.05),
)


@dataclass(frozen=True)
class Settings:
    """What the pictures depend on; sizes in pixels, patients by split."""

    patients: dict[str, int]
    slices: int
    size: tuple[int, int]
    seed: int
    version: int = GENERATOR_VERSION

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "size": list(self.size)}


def generate(
    root: str | Path,
    train_patients: int = 60,
    val_patients: int = 12,
    test_patients: int = 24,
    slices: int = 4,
    size: tuple[int, int] = (96, 96),
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write the set to ``root``, which appears only when all of it is there.

    Nothing happens where ``root`` already holds a set with the same settings.

    Args:
        root: folder to write.
        train_patients: number of patients to train on.
        val_patients: number of patients to validate on.
        test_patients: number of patients to test on.
        slices: of each patient, spread over the organs.
        size: ``(width, height)`` in pixels.
        seed: 0 or more.
        workers: processes; one for each core when None.
        force: replace a set with other settings.

    Returns:
        The settings as written to ``organs.json``, and ``images``: the number of slices in each split.

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if ``root`` holds a set with other settings (unless ``force``), or anything else.
    """
    patients = dict(zip(SPLITS, (train_patients, val_patients, test_patients), strict=True))
    settings = Settings(patients, slices, (int(size[0]), int(size[1])), seed)
    _check_settings(settings)
    root = Path(root)
    summary = {**settings.as_json(), "images": {split: count * slices for split, count in patients.items()}}
    if is_generated(root, SETTINGS_FILE, settings.as_json(), force):
        return summary
    with whole_folder(root) as folder:
        for split, count in patients.items():
            for part in (split, f"{split}annot"):
                (folder / part).mkdir()
            write_list(folder, split, [_name(split, patient, z) for patient in range(count) for z in range(slices)])
        jobs = [(split, patient) for split, count in patients.items() for patient in range(count)]
        run_jobs(partial(_write_patient, folder, settings), jobs, workers or os.cpu_count() or 1, "organs: patients")
        (folder / SETTINGS_FILE).write_text(json.dumps(settings.as_json(), indent=2) + "\n")
    return summary


def _check_settings(settings: Settings) -> None:
    if min(settings.patients.values()) < 0 or sum(settings.patients.values()) == 0:
        raise ConfigError(f"expected at least one patient, and no split below 0, but found {settings.patients}")
    if settings.slices < 1 or settings.seed < 0:
        raise ConfigError(f"expected slices >= 1 and seed >= 0 but found {settings.slices} and {settings.seed}")
    if min(settings.size) < 32:
        raise ConfigError(f"expected a size of at least 32x32 but found {settings.size[0]}x{settings.size[1]}")


def _name(split: str, patient: int, number: int) -> str:
    return f"{split}{patient:04d}_{number:02d}"


def _write_patient(folder: Path, settings: Settings, job: tuple[str, int]) -> None:
    split, patient = job
    key = (settings.seed, SPLITS.index(split), patient)
    for number, (image, label) in enumerate(render_patient(key, settings.size, settings.slices)):
        name = _name(split, patient, number)
        write_image(folder / split / f"{name}.png", image)
        write_image(folder / f"{split}annot" / f"{name}.png", label)


def render_patient(
    key: tuple[int, int, int], size: tuple[int, int], slices: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Slices of one body, from the upper end of its organs to the lower.

    Args:
        key: seed, number of the split and number of the patient; all of the body follows from it.
        size: ``(width, height)`` in pixels.
        slices: how many.

    Returns:
        For each slice the picture and the label, ``uint8 [H, W]``.
    """
    body = Body(np.random.default_rng(key))
    places = (2 * np.arange(slices) + 1) / slices - 1
    # number + 1, since trailing zeros do not change a numpy seed
    return [body.slice(z, size, np.random.default_rng([*key, number + 1])) for number, z in enumerate(places)]


class Body:
    """What does not change from slice to slice of a patient: proportions, organs, and their outlines' bumps."""

    def __init__(self, rng: np.random.Generator):
        self.half = rng.uniform(0.84, 0.96), rng.uniform(0.7, 0.86)  # of half the picture's width and height
        self.fat = rng.uniform(0.05, 0.16)
        self.organs = [
            (
                organ,
                np.add(organ.centre, rng.normal(0, 0.03, 2)),
                np.multiply(organ.radii, rng.uniform(0.85, 1.15, 2)),
                organ.tilt + rng.normal(0, 0.12),
                rng.normal(*organ.grey),
                organ.middle + rng.normal(0, 0.1),
                rng.normal(0, organ.bumps, (3, 2)) / np.array([[2], [3], [4]]),
            )
            for organ in ORGANS
        ]

    def slice(self, z: float, size: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Picture and label, ``uint8 [H, W]``, at ``z`` between -1 and 1 along the body."""
        width, height = size
        x, y = (np.linspace(-1, 1, length) for length in (width, height))
        x, y = np.meshgrid(x / self.half[0], y / self.half[1])
        grey, label = np.full((height, width), AIR), np.zeros((height, width), np.uint8)
        grey[np.hypot(x, y) < 1] = FAT
        grey[np.hypot(x, y) < 1 - self.fat] = MUSCLE
        grey[np.hypot(x, (y - 0.58) * 1.2) < 0.17] = BONE  # a vertebra
        for organ, (right, down), radii, tilt, level, middle, bumps in self.organs:
            left = 1 - ((z - middle) / organ.extent) ** 2
            if left <= 0:
                continue
            change = bumps + rng.normal(0, organ.bumps / 6, bumps.shape)
            inside = _blob(x - right, y - down, radii * math.sqrt(left), tilt, change)
            inside &= np.hypot(x, y) < 1 - self.fat
            grey[inside], label[inside] = level, organ.label
        return _scanned(grey, rng), label


def _blob(x: np.ndarray, y: np.ndarray, radii: np.ndarray, tilt: float, bumps: np.ndarray) -> np.ndarray:
    """The pixels within an ellipse whose radius is bent by the waves 2, 3 and 4 around it, bool ``[H, W]``.

    Args:
        x: to the right of its middle, float ``[H, W]``.
        y: below its middle, float ``[H, W]``.
        radii: half axes.
        tilt: of the first, in radians.
        bumps: height of the cosine and the sine of each wave, ``[3, 2]``.
    """
    along = (math.cos(tilt) * x + math.sin(tilt) * y) / radii[0]
    across = (math.cos(tilt) * y - math.sin(tilt) * x) / radii[1]
    angle = np.arctan2(across, along)
    waves = sum(
        bumps[i, 0] * np.cos(wave * angle) + bumps[i, 1] * np.sin(wave * angle) for i, wave in enumerate((2, 3, 4))
    )
    return np.hypot(along, across) < np.clip(1 + waves, 0.4, 1.6)


def _scanned(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a scanner makes of grey levels: blurred, with texture, drift and noise, ``uint8 [H, W]``."""
    height, width = grey.shape
    seen = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), rng.uniform(0.9, 1.5))
    texture = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 2.0)
    corners = rng.uniform(0.92, 1.08, (2, 2)).astype(np.float32)
    drift = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    seen = (seen + 25 * texture) * drift + rng.uniform(5, 10) * rng.standard_normal((height, width))
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8)


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate labelled slices through bodies with organs.")
    parser.add_argument("--out", type=Path, default=Path("data/synthetic_organs"), help="folder to write")
    parser.add_argument("--patients", type=int, default=60, help="patients to train on (default %(default)s)")
    parser.add_argument("--val-patients", type=int, default=12, help="patients to validate on (default %(default)s)")
    parser.add_argument("--test-patients", type=int, default=24, help="patients to test on (default %(default)s)")
    parser.add_argument("--slices", type=int, default=4, help="slices of a patient (default %(default)s)")
    parser.add_argument("--size", type=parse_size, default=(96, 96), metavar="WxH", help="default 96x96")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--force", action="store_true", help="replace a generated folder that has other settings")
    options = parser.parse_args(arguments)
    summary = generate(
        options.out,
        train_patients=options.patients,
        val_patients=options.val_patients,
        test_patients=options.test_patients,
        slices=options.slices,
        size=options.size,
        seed=options.seed,
        workers=options.workers,
        force=options.force,
    )
    counts = ", ".join(f"{split} {count}" for split, count in summary["images"].items())
    print(f"{options.out}: slices: {counts}")


if __name__ == "__main__":
    raise SystemExit(main())
