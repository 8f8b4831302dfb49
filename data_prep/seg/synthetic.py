"""Generate synthetic street-scene video with labels and exact optical flow.

    python data_prep/seg/synthetic.py --out data/synthetic_street

Layouts:

``camvid``: ``ROOT/{train,val,test}/NAME.png``, ``ROOT/{train,val,test}annot/NAME.png`` (0..10, 11 = void) and lists
``ROOT/{train,val,test}.txt`` with lines ``image label``. NAME is ``SPLITCLIP_FRAME``, e.g. ``train0003_00005``.

``cityscapes``: ``ROOT/leftImg8bit/SPLIT/CITY/CITY_SEQ_FRAME_leftImg8bit.png`` and
``ROOT/gtFine/SPLIT/CITY/CITY_SEQ_FRAME_gtFine_labelTrainIds.png`` (train ids, 255 = void); one city for each split, one
sequence for each clip, every frame labelled. NAME is ``CITY_SEQ_FRAME``.

Flow, in both: ``ROOT/flow/SPLIT/NAME.npz`` for every frame but the last of a clip, with ``flow`` (float16
``[H, W, 2]``, (u, v) in pixels from this frame to the next) and ``valid`` (bool ``[H, W]``, False where the point is
hidden or out of the picture in the next frame). ``ROOT/synthetic.json`` keeps the settings.

A clip depends on the seed, its split and its number alone: not on the number of workers or of other clips.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common.errors import ConfigError, exit_on_user_error
from common.palettes import CAMVID_CLASSES, CAMVID_TO_CITYSCAPES, CITYSCAPES_CLASSES, IGNORE_INDEX
from data_prep.output import is_generated, run_jobs, whole_folder, write_image
from data_prep.seg.scene import View, optical_flow
from data_prep.seg.street import StreetBuilder

SPLITS = ("train", "val", "test")
LAYOUTS = ("camvid", "cityscapes")
SETTINGS_FILE = "synthetic.json"
# Raise when the pictures change, so that folders of older pictures are not taken for the same.
GENERATOR_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What the pictures depend on; sizes in pixels, clips by split."""

    layout: str
    clips: dict[str, int]
    frames: int
    size: tuple[int, int]
    seed: int
    flow: bool
    version: int = GENERATOR_VERSION

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "size": list(self.size)}


def generate(
    root: str | Path,
    layout: str = "camvid",
    train_clips: int = 40,
    val_clips: int = 8,
    test_clips: int = 8,
    frames: int = 6,
    size: tuple[int, int] = (160, 120),
    seed: int = 0,
    workers: int | None = None,
    flow: bool = True,
    force: bool = False,
) -> dict[str, Any]:
    """Write the set to ``root``, which appears only when all of it is there.

    Nothing happens where ``root`` already holds a set with the same settings.

    Args:
        root: folder to write.
        layout: "camvid" or "cityscapes".
        train_clips: number of clips to train on.
        val_clips: number of clips to validate on.
        test_clips: number of clips to test on.
        frames: frames in each clip.
        size: ``(width, height)`` in pixels.
        seed: 0 or more.
        workers: processes; one for each core when None.
        flow: whether to write optical flow.
        force: replace a set with other settings.

    Returns:
        The settings as written to ``synthetic.json``, and ``images``: the number of frames in each split.

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if ``root`` holds a set with other settings (unless ``force``), or anything else.
    """
    clips = dict(zip(SPLITS, (train_clips, val_clips, test_clips), strict=True))
    settings = Settings(layout, clips, frames, (int(size[0]), int(size[1])), seed, flow)
    _check_settings(settings)
    root = Path(root)
    summary = {**settings.as_json(), "images": {split: count * frames for split, count in clips.items()}}
    if is_generated(root, SETTINGS_FILE, settings.as_json(), force):
        return summary
    with whole_folder(root) as folder:
        _write_clips(folder, settings, workers or os.cpu_count() or 1)
        if layout == "camvid":
            _write_lists(folder, settings)
        (folder / SETTINGS_FILE).write_text(json.dumps(settings.as_json(), indent=2) + "\n")
    return summary


def _check_settings(settings: Settings) -> None:
    if settings.layout not in LAYOUTS:
        raise ConfigError(f"expected layout 'camvid' or 'cityscapes' but found {settings.layout!r}")
    if min(settings.clips.values()) < 0 or sum(settings.clips.values()) == 0:
        raise ConfigError(f"expected at least one clip, and no split below 0, but found {settings.clips}")
    if settings.frames < 1 or settings.seed < 0:
        raise ConfigError(f"expected frames >= 1 and seed >= 0 but found {settings.frames} and {settings.seed}")
    if min(settings.size) < 32:
        raise ConfigError(f"expected a size of at least 32x32 but found {settings.size[0]}x{settings.size[1]}")


def _write_clips(folder: Path, settings: Settings, workers: int) -> None:
    for split in SPLITS:
        for path in _folders(folder, settings, split):
            path.mkdir(parents=True, exist_ok=True)
    jobs = [(split, clip) for split in SPLITS for clip in range(settings.clips[split])]
    run_jobs(partial(_write_clip, folder, settings), jobs, workers, "street scenes: clips")


def _folders(folder: Path, settings: Settings, split: str) -> tuple[Path, ...]:
    """Where images, labels and flow of a split lie."""
    if settings.layout == "camvid":
        images, labels = folder / split, folder / f"{split}annot"
    else:
        images, labels = (folder / kind / split / _city(split) for kind in ("leftImg8bit", "gtFine"))
    return (images, labels, folder / "flow" / split) if settings.flow else (images, labels)


def _city(split: str) -> str:
    return f"synthetic{split}"


def _name(settings: Settings, split: str, clip: int, frame: int) -> str:
    if settings.layout == "camvid":
        return f"{split}{clip:04d}_{frame:05d}"
    return f"{_city(split)}_{clip:06d}_{frame:06d}"


def render_clip(key: Sequence[int], size: tuple[int, int], frames: int) -> Iterator[tuple[np.ndarray, View]]:
    """The frames of one clip: what the camera makes of each, RGB ``uint8 [H, W, 3]``, and what it saw.

    Args:
        key: seed, number of the split and number of the clip; all of the clip follows from it.
        size: ``(width, height)`` in pixels.
        frames: how many.
    """
    rng = np.random.default_rng(key)
    scene, ride = StreetBuilder(rng, size, frames).build()
    sensor = Sensor(blur=rng.uniform(0, 0.6), noise=rng.uniform(3, 9), gamma=rng.uniform(0.85, 1.2))
    for frame in range(frames):
        view = scene.render(ride.camera(frame), frame)
        # frame + 1, since trailing zeros do not change a numpy seed
        yield sensor.expose(view.colour, np.random.default_rng([*key, frame + 1])), view


def _write_clip(folder: Path, settings: Settings, job: tuple[str, int]) -> None:
    split, clip = job
    images, labels, *flows = _folders(folder, settings, split)
    suffixes = (".png", ".png") if settings.layout == "camvid" else ("_leftImg8bit.png", "_gtFine_labelTrainIds.png")
    values = _label_values(settings.layout)
    previous = None
    key = [settings.seed, SPLITS.index(split), clip]
    for frame, (image, view) in enumerate(render_clip(key, settings.size, settings.frames)):
        name = _name(settings, split, clip, frame)
        write_image(images / (name + suffixes[0]), image)
        write_image(labels / (name + suffixes[1]), values[view.label])
        if settings.flow and previous is not None:
            motion, valid = optical_flow(previous, view)
            path = flows[0] / f"{_name(settings, split, clip, frame - 1)}.npz"
            np.savez_compressed(path, flow=motion.astype(np.float16), valid=valid)
        previous = view


@dataclass(frozen=True)
class Sensor:
    """What a camera adds to the light: blur (pixels), noise (grey levels, standard deviation) and a tone curve."""

    blur: float
    noise: float
    gamma: float

    def expose(self, colour: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """From light ``float32 [H, W, 3]`` (0..255, may exceed it) to a picture ``uint8 [H, W, 3]``."""
        exposure = np.float32(rng.uniform(0.96, 1.04))
        light = np.clip(colour * (exposure / 255), 0, 1) ** np.float32(self.gamma) * 255
        if self.blur > 0.2:
            light = cv2.GaussianBlur(light, (5, 5), self.blur)
        light += np.float32(self.noise) * rng.standard_normal(light.shape, np.float32)
        return np.clip(light, 0, 255).astype(np.uint8)


def _label_values(layout: str) -> np.ndarray:
    """From the renderer's labels (CamVid's, 11 = void) to the values that are written."""
    if layout == "camvid":
        return np.arange(len(CAMVID_CLASSES) + 1, dtype=np.uint8)
    values = [CITYSCAPES_CLASSES.index(CAMVID_TO_CITYSCAPES[name]) for name in CAMVID_CLASSES]
    return np.array([*values, IGNORE_INDEX], np.uint8)


def _write_lists(folder: Path, settings: Settings) -> None:
    for split, clips in settings.clips.items():
        names = [_name(settings, split, clip, frame) for clip in range(clips) for frame in range(settings.frames)]
        write_list(folder, split, names)


def write_list(folder: Path, split: str, names: Iterable[str]) -> None:
    """Write CamVid's list of a split: lines ``image label``."""
    lines = [f"{split}/{name}.png {split}annot/{name}.png\n" for name in names]
    (folder / f"{split}.txt").write_text("".join(lines))


def parse_size(text: str) -> tuple[int, int]:
    """``(width, height)`` of a command line's ``WIDTHxHEIGHT``."""
    try:
        width, height = (int(number) for number in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT, such as 160x120, but found {text!r}") from None
    return width, height


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate synthetic street scenes with labels and optical flow.")
    parser.add_argument("--out", type=Path, default=Path("data/synthetic_street"), help="folder to write")
    parser.add_argument("--layout", choices=LAYOUTS, default="camvid")
    parser.add_argument("--clips", type=int, default=40, help="clips to train on (default %(default)s)")
    parser.add_argument("--val-clips", type=int, default=8, help="clips to validate on (default %(default)s)")
    parser.add_argument("--test-clips", type=int, default=8, help="clips to test on (default %(default)s)")
    parser.add_argument("--frames", type=int, default=6, help="frames in a clip (default %(default)s)")
    parser.add_argument("--size", type=parse_size, default=(160, 120), metavar="WxH", help="default 160x120")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--no-flow", action="store_true", help="leave optical flow out")
    parser.add_argument("--force", action="store_true", help="replace a generated folder that has other settings")
    options = parser.parse_args(arguments)
    summary = generate(
        options.out,
        layout=options.layout,
        train_clips=options.clips,
        val_clips=options.val_clips,
        test_clips=options.test_clips,
        frames=options.frames,
        size=options.size,
        seed=options.seed,
        workers=options.workers,
        flow=not options.no_flow,
        force=options.force,
    )
    counts = ", ".join(f"{split} {count}" for split, count in summary["images"].items())
    print(f"{options.out}: {summary['layout']} layout, frames: {counts}")


if __name__ == "__main__":
    raise SystemExit(main())
