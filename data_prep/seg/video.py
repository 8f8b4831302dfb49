"""Generate street-scene video with a label for every frame and exact optical flow between frames near each other.

    python -m data_prep.seg.video data/synthetic_video --clips 8 --frames 12 --size 240 180 --seed 0

The camera drives along the street and sways; cars, cyclists and people move on their own. The scenes are those of
`data_prep.seg.synthetic`, in clips long enough for losses between frames and for scores of temporal consistency.

Layout, that of CamVid with flow beside it:

- ``OUT/{train,val,test}/NAME.png`` and ``OUT/{train,val,test}annot/NAME.png`` (0..10, 11 = void), listed in
  ``OUT/{train,val,test}.txt``; NAME is ``SPLITCLIP_FRAME``, e.g. ``train0003_00005``;
- ``OUT/flow/SPLIT/NAME_to_OTHER.npz`` from each frame to those at most ``--reach`` frames before and after it:
  ``flow`` (float16 ``[H, W, 2]``, (u, v) in pixels: the point at x of NAME is at x + flow(x) of OTHER) and ``valid``
  (bool ``[H, W]``, see `exact_flow`);
- ``OUT/video.json`` keeps the settings.

A clip depends on the seed, its split and its number alone.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import deque
from dataclasses import asdict, dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import ConfigError, exit_on_user_error
from data_prep.output import is_generated, run_jobs, whole_folder, write_image
from data_prep.seg.scene import View, optical_flow
from data_prep.seg.synthetic import SPLITS, parse_size, render_clip, write_list

SETTINGS_FILE = "video.json"
# Raise when the pictures change, so that folders of older pictures are not taken for the same.
GENERATOR_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What the files depend on; sizes in pixels, clips by split."""

    clips: dict[str, int]
    frames: int
    size: tuple[int, int]
    reach: int
    seed: int
    version: int = GENERATOR_VERSION

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "size": list(self.size)}


def generate(
    root: str | Path,
    train_clips: int = 8,
    val_clips: int = 4,
    test_clips: int = 4,
    frames: int = 12,
    size: tuple[int, int] = (240, 180),
    reach: int = 1,
    seed: int = 0,
    workers: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Write the set to ``root``, which appears only when all of it is there.

    Nothing happens where ``root`` already holds a set with the same settings.

    Args:
        root: folder to write.
        train_clips: number of clips to train on.
        val_clips: number of clips to validate on.
        test_clips: number of clips to test on.
        frames: frames in each clip.
        size: ``(width, height)`` in pixels.
        reach: frames before and after to which there is flow; ETC's random pairs need 3.
        seed: 0 or more.
        workers: processes; one for each core when None.
        force: replace a set with other settings.

    Returns:
        The settings as written to ``video.json``, and ``images``: the number of frames in each split.

    Raises:
        ConfigError: if a setting is out of its range.
        DataError: if ``root`` holds a set with other settings (unless ``force``), or anything else.
    """
    clips = dict(zip(SPLITS, (train_clips, val_clips, test_clips), strict=True))
    settings = Settings(clips, frames, (int(size[0]), int(size[1])), reach, seed)
    _check_settings(settings)
    root = Path(root)
    summary = {**settings.as_json(), "images": {split: count * frames for split, count in clips.items()}}
    if is_generated(root, SETTINGS_FILE, settings.as_json(), force):
        return summary
    with whole_folder(root) as folder:
        for split in SPLITS:
            for part in (split, f"{split}annot", f"flow/{split}"):
                (folder / part).mkdir(parents=True)
            numbers = [(clip, frame) for clip in range(clips[split]) for frame in range(frames)]
            write_list(folder, split, [_name(split, *number) for number in numbers])
        jobs = [(split, clip) for split in SPLITS for clip in range(clips[split])]
        run_jobs(partial(_write_clip, folder, settings), jobs, workers or os.cpu_count() or 1, "street video: clips")
        (folder / SETTINGS_FILE).write_text(json.dumps(settings.as_json(), indent=2) + "\n")
    return summary


def _check_settings(settings: Settings) -> None:
    if min(settings.clips.values()) < 0 or sum(settings.clips.values()) == 0:
        raise ConfigError(f"expected at least one clip, and no split below 0, but found {settings.clips}")
    if settings.frames < 2 or settings.seed < 0:
        raise ConfigError(f"expected frames >= 2 and seed >= 0 but found {settings.frames} and {settings.seed}")
    if not 1 <= settings.reach < settings.frames:
        raise ConfigError(f"expected a reach of 1..{settings.frames - 1} frames in a clip but found {settings.reach}")
    if min(settings.size) < 32:
        raise ConfigError(f"expected a size of at least 32x32 but found {settings.size[0]}x{settings.size[1]}")


def _name(split: str, clip: int, frame: int) -> str:
    return f"{split}{clip:04d}_{frame:05d}"


def _write_clip(folder: Path, settings: Settings, job: tuple[str, int]) -> None:
    split, clip = job
    recent: deque[tuple[str, View]] = deque(maxlen=settings.reach)
    key = [settings.seed, SPLITS.index(split), clip]
    for frame, (image, view) in enumerate(render_clip(key, settings.size, settings.frames)):
        name = _name(split, clip, frame)
        write_image(folder / split / f"{name}.png", image)
        write_image(folder / f"{split}annot" / f"{name}.png", view.label)
        for former in recent:
            for (one, here), (two, there) in permutations((former, (name, view))):
                flow, valid = exact_flow(here, there)
                np.savez_compressed(folder / "flow" / split / f"{one}_to_{two}.npz", flow=flow, valid=valid)
        recent.append((name, view))


def exact_flow(view: View, other: View) -> tuple[np.ndarray, np.ndarray]:
    """Flow from one frame to another of the same scene as it is stored, and where it is valid.

    Valid is where the pixel nearest to the point's place in the other frame shows the same surface with the same
    label: the point is neither hidden nor outside, and no outline runs between it and that pixel's centre. So the other
    frame's labels, taken from the nearest pixel, are this frame's wherever flow is valid.

    Args:
        view: the frame that flow starts from.
        other: a frame before or after it.

    Returns:
        (u, v) in pixels, float16 ``[H, W, 2]``, and validity, bool ``[H, W]``.
    """
    motion, valid = optical_flow(view, other)
    flow = motion.astype(np.float16)  # its rounding may lead to another pixel, so that is looked at again
    height, width = valid.shape
    place = np.stack([np.arange(width)[None] + flow[..., 0].astype(float), np.arange(height)[:, None] + flow[..., 1]])
    # Half way between two pixels either is the nearest.
    for x, y in (np.floor(place + 0.5).astype(int), np.ceil(place - 0.5).astype(int)):
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        target = y.clip(0, height - 1), x.clip(0, width - 1)
        valid = valid & inside & (other.index[target] == view.index) & (other.label[target] == view.label)
    return flow, valid


@exit_on_user_error
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate street-scene video with labels and exact optical flow.")
    parser.add_argument("out", type=Path, nargs="?", default=Path("data/synthetic_video"), help="default %(default)s")
    parser.add_argument("--clips", type=int, default=8, help="clips to train on (default %(default)s)")
    parser.add_argument("--val-clips", type=int, default=4, help="clips to validate on (default %(default)s)")
    parser.add_argument("--test-clips", type=int, default=4, help="clips to test on (default %(default)s)")
    parser.add_argument("--frames", type=int, default=12, help="frames in a clip (default %(default)s)")
    parser.add_argument("--size", nargs="+", default=["240x180"], metavar="W H", help="or WxH (default 240x180)")
    parser.add_argument("--reach", type=int, default=1, help="frames to which there is flow (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one for each core)")
    parser.add_argument("--force", action="store_true", help="replace a generated folder that has other settings")
    options = parser.parse_args(arguments)
    try:
        size = parse_size("x".join(options.size))
    except argparse.ArgumentTypeError as error:
        parser.error(f"--size: {error}")
    summary = generate(
        options.out,
        train_clips=options.clips,
        val_clips=options.val_clips,
        test_clips=options.test_clips,
        frames=options.frames,
        size=size,
        reach=options.reach,
        seed=options.seed,
        workers=options.workers,
        force=options.force,
    )
    counts = ", ".join(f"{split} {count}" for split, count in summary["images"].items())
    print(f"{options.out}: frames: {counts}; flow to {options.reach} frames before and after")


if __name__ == "__main__":
    raise SystemExit(main())
