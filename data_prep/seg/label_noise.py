"""Copy a set in CamVid's layout, and add labels with the noise of footprints drawn on slanting aerial pictures.

    python data_prep/seg/label_noise.py data/synthetic_street --out data/synthetic_street_noisy

Footprints that were drawn elsewhere, or on another picture, do not lie on the roofs of a picture that is not taken from
right above: they are shifted, all in one direction and the high ones farther; they are too large or too small; and some
buildings are missing. So here each object (a connected piece of one of ``--classes``) is, with the chance ``--share``,

``shifted``   by up to ``--shift`` pixels, in the one direction of its picture,
``dilated``   by 1 to ``--radius`` pixels,
``eroded``    by 1 to ``--radius`` pixels (gone where it is thinner),
``dropped``   missing,

with the chances ``--kinds``; what it leaves bare gets the label of the nearest pixel of what stays. Void pixels stay
void.

Written are copies of all pictures and labels in the lists ``{train,val,test}.txt``, the noisy labels of the training
pictures, ``OUT/trainnoisy/NAME.png``, and three more lists for ``ann_file``:

``noisy.txt``   the training pictures but those of ``clean.txt``, with noisy labels: the large set,
``clean.txt``   every K-th training picture (``--clean-every K``) with its own label: the small set,
``mixed.txt``   both.

``OUT/label_noise.json`` keeps the settings, ``OUT/label_noise_counts.json`` how many objects and pixels have become
something else. Labels for validation and test have no noise. The noise depends on the settings, the label and its name
alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common.errors import ConfigError, DataError, exit_on_user_error
from common.palettes import CAMVID_VOID
from data_prep.output import is_generated, read_image, run_jobs, whole_folder, write_image
from data_prep.seg.pairs import check_pair

SPLITS = ("train", "val", "test")
KINDS = ("shifted", "dilated", "eroded", "dropped")
SETTINGS_FILE = "label_noise.json"
COUNTS_FILE = "label_noise_counts.json"
# Of CamVid: Building, Pole, SignSymbol, Fence, Car, Pedestrian, Bicyclist; not what has no shape of its own.
OBJECTS = (1, 2, 6, 7, 8, 9, 10)
# Raise when the labels change, so that folders of older labels are not taken for the same.
NOISE_VERSION = 1


@dataclass(frozen=True)
class Noise:
    """What happens to the objects of a label.

    Attributes:
        share: chance that an object is touched, 0..1.
        shift: the longest shift in pixels; an object is moved by half of it at least.
        radius: the largest of dilations and erosions in pixels.
        kinds: chances of `KINDS` among the objects that are touched; they are divided by their sum.
        classes: label values whose connected pieces are objects.
        void: label value that is kept as it is.
    """

    share: float = 0.6
    shift: float = 6.0
    radius: int = 2
    kinds: tuple[float, float, float, float] = (0.5, 0.15, 0.15, 0.2)
    classes: tuple[int, ...] = OBJECTS
    void: int = CAMVID_VOID

    def check(self) -> None:
        """Raise a ConfigError for what is out of range."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f"expected a share between 0 and 1 but found {self.share}")
        if self.shift < 0 or self.radius < 1:
            raise ConfigError(f"expected shift >= 0 and radius >= 1 but found {self.shift} and {self.radius}")
        if len(self.kinds) != len(KINDS) or min(self.kinds) < 0 or sum(self.kinds) == 0:
            raise ConfigError(
                f"expected chances of {', '.join(KINDS)}, none below 0 and not all 0, but found {self.kinds}"
            )
        if not self.classes or not all(0 <= value <= 255 and value != self.void for value in self.classes):
            raise ConfigError(f"expected classes of 0..255 other than void, {self.void}, but found {self.classes}")


def noisy_label(label: np.ndarray, noise: Noise, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, int]]:
    """A label with noise, and how many of its objects became what.

    Args:
        label: ``uint8 [H, W]``; unchanged.
        noise: what happens.
        rng: all that is drawn comes from it.

    Returns:
        ``uint8 [H, W]``, and the number of ``objects``, of those of each of `KINDS`, of ``pixels`` and of those with
        another value than before (``changed``).
    """
    direction = rng.uniform(0, 2 * math.pi)
    chances = np.array(noise.kinds) / sum(noise.kinds)
    counts = dict.fromkeys(("objects", *KINDS), 0)
    touched, drawn = np.zeros(label.shape, bool), []
    for value in noise.classes:
        number, pieces = cv2.connectedComponents((label == value).astype(np.uint8), connectivity=8)
        for piece in range(1, number):
            counts["objects"] += 1
            if rng.random() >= noise.share:
                continue
            mask = pieces == piece
            kind = KINDS[rng.choice(len(KINDS), p=chances)]
            counts[kind] += 1
            touched |= mask
            drawn.append((value, _changed(mask, kind, direction, noise, rng)))
    noisy = _filled(label, touched, noise.void)
    for value, mask in sorted(drawn, key=lambda each: -each[1].sum()):  # small ones stay in sight
        noisy[mask] = value
    noisy[label == noise.void] = noise.void
    return noisy, {**counts, "pixels": label.size, "changed": int((noisy != label).sum())}


def _changed(mask: np.ndarray, kind: str, direction: float, noise: Noise, rng: np.random.Generator) -> np.ndarray:
    """Where an object is drawn instead, bool ``[H, W]``."""
    if kind == "dropped":
        return np.zeros_like(mask)
    if kind == "shifted":
        length = noise.shift * rng.uniform(0.5, 1)
        right, down = (round(length * part(direction)) for part in (math.cos, math.sin))
        move = np.float32([[1, 0, right], [0, 1, down]])
        return cv2.warpAffine(mask.astype(np.uint8), move, mask.shape[::-1], flags=cv2.INTER_NEAREST) > 0
    radius = int(rng.integers(1, noise.radius + 1))
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    # Beyond the frame neither dilates nor erodes.
    return (cv2.dilate if kind == "dilated" else cv2.erode)(mask.astype(np.uint8), disk) > 0


def _filled(label: np.ndarray, bare: np.ndarray, void: int) -> np.ndarray:
    """A copy in which the bare pixels have the label of the nearest that is neither bare nor void, if there is one."""
    source = ~bare & (label != void)
    if not source.any():
        return label.copy()
    zones = cv2.distanceTransformWithLabels(
        (~source).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    of_zone = np.zeros(zones.max() + 1, np.uint8)
    of_zone[zones[source]] = label[source]
    return np.where(bare, of_zone[zones], label)


# Picture and label, relative to the set's folder.
Pair = tuple[str, str]


def copy_with_noise(
    source: str | Path,
    out: str | Path,
    noise: Noise | None = None,
    clean_every: int = 10,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write ``out``, which appears only when all of it is there.

    Nothing happens where ``out`` already holds a copy of the same labels with the same settings.

    Args:
        source: folder of a set with the lists ``train.txt``, ``val.txt`` and ``test.txt``, lines ``image label``.
        out: folder to write.
        noise: what happens to labels; `Noise` as it is by default.
        clean_every: the first training picture of so many keeps its label and goes into the small set.
        seed: 0 or more.
        workers: processes; one for each core when None.
        force: replace a copy with other settings.

    Returns:
        What is in ``label_noise_counts.json``: the number of ``noisy`` and of ``clean`` pictures, and of the noisy ones
        the number of ``objects``, how many of them were ``shifted``, ``dilated``, ``eroded`` and ``dropped``, the
        number of ``pixels``, and how many of those have another value (``changed``).

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if a list or a file is missing or malformed, or ``out`` holds anything else (or a copy with other
            settings, unless ``force``).
    """
    source, out, noise = Path(source), Path(out), noise or Noise()
    noise.check()
    if clean_every < 2 or seed < 0:
        raise ConfigError(f"expected clean_every >= 2 and seed >= 0 but found {clean_every} and {seed}")
    lists = {split: _read_list(source / f"{split}.txt") for split in SPLITS}
    settings = {**asdict(noise), "clean_every": clean_every, "seed": seed, "version": NOISE_VERSION}
    settings = json.loads(json.dumps({**settings, "source_sha256": _fingerprint(source, lists)}))
    if is_generated(out, SETTINGS_FILE, settings, force):
        return json.loads((out / COUNTS_FILE).read_text())
    with whole_folder(out) as folder:
        _copy(source, folder, lists)
        summary = _write_noise(folder, lists["train"], noise, clean_every, seed, workers or os.cpu_count() or 1)
        (folder / COUNTS_FILE).write_text(json.dumps(summary, indent=2) + "\n")
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n")
    return summary


def _read_list(file: Path) -> list[Pair]:
    if not file.is_file():
        lists = ", ".join(f"{split}.txt" for split in SPLITS)
        raise DataError(
            f"expected a set with the lists {lists} but found no {file}; generate one with "
            "`python data_prep/seg/synthetic.py --out FOLDER`, or prepare CamVid with data_prep/seg/camvid.py"
        )
    pairs = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) != 2 or any(Path(name).is_absolute() or ".." in Path(name).parts for name in columns):
            raise DataError(
                f"expected 'image label', both below {file.parent}, but found {line!r} in {file} (line {number})"
            )
        check_pair(file.parent / columns[0], file.parent / columns[1], largest=255)
        pairs.append((columns[0], columns[1]))
    return pairs


def _fingerprint(source: Path, lists: dict[str, list[Pair]]) -> str:
    """Of what is in the lists, and of the training labels."""
    found = hashlib.sha256(json.dumps(lists).encode())
    for _, label in lists["train"]:
        found.update((source / label).read_bytes())
    return found.hexdigest()


def _copy(source: Path, folder: Path, lists: dict[str, list[Pair]]) -> None:
    for split, pairs in lists.items():
        for name in (each for pair in pairs for each in pair):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, folder / name)
        _write_list(folder / f"{split}.txt", pairs)


def _write_noise(
    folder: Path, train: Sequence[Pair], noise: Noise, clean_every: int, seed: int, workers: int
) -> dict[str, int]:
    """Noisy labels beside the copied ones, and their lists; the counts."""
    clean = train[::clean_every]
    large = [pair for index, pair in enumerate(train) if index % clean_every]
    noisy = [(image, f"trainnoisy/{Path(label).stem}.png") for image, label in large]
    if len(set(noisy)) != len({label for _, label in noisy}):
        raise DataError("expected training labels of different names but found some twice in train.txt; rename them")
    (folder / "trainnoisy").mkdir()
    jobs = [(label, new) for (_, label), (_, new) in zip(large, noisy, strict=True)]
    counts = run_jobs(partial(_write_noisy, folder, noise, seed), jobs, workers, "label noise: labels")
    for name, pairs in (("noisy", noisy), ("clean", clean), ("mixed", [*noisy, *clean])):
        _write_list(folder / f"{name}.txt", pairs)
    summed = {key: sum(each[key] for each in counts) for key in ("objects", *KINDS, "pixels", "changed")}
    return {"noisy": len(noisy), "clean": len(clean), **summed}


def _write_noisy(folder: Path, noise: Noise, seed: int, job: tuple[str, str]) -> dict[str, int]:
    name, new = job
    rng = np.random.default_rng([seed, zlib.crc32(Path(name).name.encode())])
    label, counts = noisy_label(read_image(folder / name, cv2.IMREAD_UNCHANGED), noise, rng)
    write_image(folder / new, label)
    return counts


def _write_list(file: Path, pairs: Sequence[Pair]) -> None:
    file.write_text("".join(f"{image} {label}\n" for image, label in pairs))


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    usual = Noise()
    parser = argparse.ArgumentParser(description="Copy a set in CamVid's layout, with noisy labels for training.")
    parser.add_argument("source", type=Path, help="folder of the set")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--share", type=float, default=usual.share, help="of objects touched (default %(default)s)")
    parser.add_argument("--shift", type=float, default=usual.shift, help="longest, in pixels (default %(default)s)")
    parser.add_argument("--radius", type=int, default=usual.radius, help="of changed outlines (default %(default)s)")
    parser.add_argument(
        "--kinds", type=float, nargs=4, default=usual.kinds, metavar=KINDS, help="their chances (default %(default)s)"
    )
    parser.add_argument("--classes", type=int, nargs="+", default=usual.classes, help="label values of objects")
    parser.add_argument("--void", type=int, default=usual.void, help="value without a class (default %(default)s)")
    parser.add_argument("--clean-every", type=int, default=10, help="of these one stays clean (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--force", action="store_true", help="replace a copy that has other settings")
    options = parser.parse_args(arguments)
    noise = Noise(
        options.share, options.shift, options.radius, tuple(options.kinds), tuple(options.classes), options.void
    )
    found = copy_with_noise(
        options.source, options.out, noise, options.clean_every, options.seed, options.workers, options.force
    )
    kinds = ", ".join(f"{found[kind]} {kind}" for kind in KINDS)
    print(f"{options.out}: {found['noisy']} pictures with noisy labels, {found['clean']} with clean ones")
    print(f"of {found['objects']} objects {kinds}; {found['changed'] / max(found['pixels'], 1):.1%} of pixels changed")


if __name__ == "__main__":
    raise SystemExit(main())
