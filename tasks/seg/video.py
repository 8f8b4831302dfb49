"""Segmentation of videos and of clips in folders: overlays, and how steady each network's labels are over time."""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmcv.transforms import Compose
from torch import nn

from common.errors import ConfigError, DataError
from common.image_files import find_files, read_image
from common.report import Table, line_plot, track, write_json, write_png, write_text
from common.video import Frame, VideoReader, VideoWriter
from tasks.seg.clips import frame_name
from tasks.seg.flow import DISFlow, OpticalFlow
from tasks.seg.inference import side_by_side, timed_labels
from tasks.seg.temporal_scores import TemporalScores

MOST_WIDTH = 960  # of one picture among several in a video, pixels
SCORES = ("TC", "flicker", "changed")
NO_LABEL = -1  # networks leave no pixel out
_NUMBERED = re.compile(r"\d{6,}\.png")


@dataclass(frozen=True)
class Clip:
    """Frames in files, to be gone through like a `VideoReader`.

    Attributes:
        source: what they are called in messages.
        paths: in the order of time.
        rate: frames per second.
    """

    source: str
    paths: tuple[Path, ...]
    rate: float

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        """All frames.

        Raises:
            DataError: if one can't be read or has another size than the first.
        """
        size = None
        for number, path in enumerate(self.paths):
            image = read_image(path)
            size = size or image.shape
            if image.shape != size:
                raise DataError(
                    f"expected frames of {size[1]}x{size[0]}, as {self.paths[0]}, but found "
                    f"{image.shape[1]}x{image.shape[0]} in {path}; put clips of different sizes into folders of their "
                    "own"
                )
            yield Frame(number, number / self.rate, image)

    def missing(self, read: int) -> str | None:
        """What to say where frames could not be read: nothing, since that is an error."""
        return None


def find_clips(folders: Sequence[str | Path], rate: float, skip: Path | None = None) -> list[tuple[Clip, Path]]:
    """The clips in folders of frames: pictures of one folder whose names differ in their last number.

    Args:
        folders: that are searched with all that lies below.
        rate: frames per second.
        skip: a folder to pass over.

    Returns:
        Pairs of the clip and the name that its results get; names differ.

    Raises:
        ConfigError: if the rate is not above 0, or an input is no folder.
        DataError: if there is no such folder, or no picture in it.
    """
    if not 0 < rate < float("inf"):
        raise ConfigError(f"expected --clip of more than 0 frames per second but found {rate:g}")
    found = []
    for folder in map(Path, folders):
        if folder.is_file():
            raise ConfigError(f"expected folders of frames for --clip but found the file {folder}; name its folder")
        members = defaultdict(list)
        for path, _ in find_files([folder], skip, what="frames"):
            clip, number = frame_name(path)
            members[clip].append((-1 if number is None else number, path))
        for clip in sorted(members):
            paths = tuple(path for _, path in sorted(members[clip]))
            found.append((Clip(f"{folder} ({_range(paths)})", paths, rate), _clip_name(folder, Path(clip), paths[0])))
    taken: Counter[Path] = Counter()
    named = []
    for clip, name in found:
        taken[name] += 1
        named.append((clip, name if taken[name] == 1 else name.with_name(f"{name.name}_{taken[name]}")))
    return named


def _range(paths: Sequence[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{paths[0].name} to {paths[-1].name}"


def _clip_name(folder: Path, clip: Path, first: Path) -> Path:
    """A clip's name: its folder's, and what stands before the numbers in its pictures'."""
    inside = first.parent.relative_to(folder)
    # A clip whose pictures are called by numbers alone has the path of their folder.
    stem = "" if clip == first.parent else clip.name.strip("_-. ")
    parent = Path(folder.resolve().name or "clip") / inside
    return parent / stem if stem else parent


class Consistency:
    """TC, flicker and changed pixels of networks, over a video and from each frame to the next.

    Flow leads from each frame to the next; all pixels are compared, as ETC does.

    Args:
        names: of the networks.
        num_classes: that they tell apart.
        flow: estimates it; OpenCV's DIS by default.
    """

    def __init__(self, names: Sequence[str], num_classes: int, flow: OpticalFlow | None = None):
        self.flow = DISFlow() if flow is None else flow
        self.num_classes = num_classes
        self.totals = {name: self._scores() for name in names}
        self.rows: list[list[float | int]] = []
        self._before: tuple[np.ndarray, Mapping[str, np.ndarray]] | None = None

    def _scores(self) -> TemporalScores:
        return TemporalScores(self.num_classes, ignore_index=NO_LABEL)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of ``rows``."""
        return ["frame", "seconds", *(f"{name} {score}" for name in self.totals for score in SCORES)]

    def add(self, frame: Frame, maps: Mapping[str, np.ndarray]) -> None:
        """Take the next frame and each network's labels ``[H, W]`` of it.

        Raises:
            DataError: for frames that flow can't be estimated between: too small, or of several sizes.
        """
        if self._before is not None:
            image, labels = self._before
            flow = self.flow(image, frame.image)
            row: list[float | int] = [frame.number, frame.seconds]
            for name, total in self.totals.items():
                pair = self._scores()
                pair.update(labels[name], maps[name], flow)
                total.add(pair.sums)
                found = pair.compute()
                row += [found[score] for score in SCORES]
            self.rows.append(row)
        self._before = frame.image, maps

    def write(self, path: Path, head: Mapping[str, Any], speeds: Mapping[str, float], classes: Sequence[str]) -> None:
        """Write ``path`` with ``.csv`` and ``.png`` (over time), and with ``.json`` (over all).

        Args:
            path: without a suffix.
            head: what the JSON file says first.
            speeds: name of the network -> frames per second.
            classes: their names.
        """
        write_text(path.with_name(f"{path.name}.csv"), Table("", self.columns, self.rows).csv())
        curves = {
            name: {row[1]: row[2 + len(SCORES) * place] for row in self.rows} for place, name in enumerate(self.totals)
        }
        title = "temporal consistency with the frame before"
        line_plot(curves, "seconds", "TC in percent", path.with_name(f"{path.name}.png"), title)
        networks = {}
        for name, total in self.totals.items():
            found = total.compute()
            networks[name] = {score: found[score] for score in SCORES}
            networks[name] |= {
                f"{score}_per_class": dict(zip(classes, found[f"{score}_per_class"].tolist(), strict=True))
                for score in ("TC", "flicker")
            }
            networks[name]["frames_per_second"] = speeds[name]
        settings = self.flow.settings() if hasattr(self.flow, "settings") else type(self.flow).__name__
        record = {**head, "flow": settings, "pairs": len(self.rows), "networks": networks}
        write_json(path.with_name(f"{path.name}.json"), record)

    def told(self, name: str) -> str:
        """A network's scores in a few words."""
        found = self.totals[name].compute()
        return ", ".join(f"{score} {found[score]:.2f}" for score in SCORES)


@dataclass(frozen=True)
class Settings:
    """What is written of a video.

    Attributes:
        opacity: of the colours over the frames, from 0 to 1.
        labels: whether label maps are.
        frames: most frames that are looked at; None for all.
        consistency: whether consistency is measured.
    """

    opacity: float = 0.5
    labels: bool = False
    frames: int | None = None
    consistency: bool = True

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise ConfigError(f"expected --frames of at least 1 but found {self.frames}")


@dataclass
class _Seconds:
    """Of each frame in each network, and since the start."""

    networks: dict[str, list[float]]
    start: float = field(default_factory=time.perf_counter)

    def speeds(self) -> dict[str, float]:
        """Frames per second of each network, by the median: the first frame takes longer."""
        return {name: 1 / statistics.median(each) for name, each in self.networks.items()}


def predict_video(
    networks: Mapping[str, tuple[nn.Module, Compose]],
    source: str | Path | Clip,
    out: str | Path,
    name: str | Path,
    settings: Settings = Settings(),
) -> str:
    """Segment a video frame by frame; nothing appears unless it ends well.

    Written are ``OUT/overlay/NAME.mp4`` (several networks side by side beside the frame, under their names); of each
    network how steady its labels are, as ``OUT/consistency/NAME.csv`` (from each frame to the next: TC, flicker and
    changed pixels in percent), ``.png`` (TC over time) and ``.json`` (over all frames, and frames per second of the
    network alone); and, if asked for, the last network's label maps as ``OUT/labels/NAME/NUMBER.png``, or under the
    names of a clip's frames.

    Args:
        networks: what `tasks.seg.inference.load_networks` returns; at least one.
        source: a file, or a clip.
        out: folder for the results.
        name: of the results.
        settings: what is written.

    Returns:
        What was done, how fast, and how steady labels are, in some lines.

    Raises:
        DataError: if not one frame can be read, frames differ in size or are too small for flow, or results cannot be
            written.
    """
    meta = next(reversed(networks.values()))[0].dataset_meta
    consistency = Consistency(list(networks), len(meta["classes"])) if settings.consistency else None
    seconds = _Seconds({each: [] for each in networks})
    count, target = 0, Path(out, "labels", name)
    with (
        nullcontext(source) if isinstance(source, Clip) else VideoReader(source) as reader,
        VideoWriter(Path(out, "overlay", f"{name}.mp4"), reader.rate) as video,
        _open_labels(target, source, len(meta["classes"])) if settings.labels else nullcontext() as write_labels,
    ):
        for frame in track(reader, f"predicting {name}", "frames"):
            maps = _labels(networks, frame, seconds)
            if consistency is not None:
                consistency.add(frame, maps)
            video.write(side_by_side(frame.image, maps, meta["palette"], settings.opacity, MOST_WIDTH))
            if write_labels is not None:
                write_labels(frame, next(reversed(maps.values())))
            count += 1
            if count == settings.frames:
                break
        if not count:
            raise DataError(f"expected a video but no frame could be read of {source}; check the file")
        told = reader.source
        note = reader.missing(count) if settings.frames is None else None
        size = {"width": frame.image.shape[1], "height": frame.image.shape[0]}
    if consistency is not None and consistency.rows:
        head = {"file": told, **size, "frames": count, "rate": reader.rate, "notes": [note] if note else []}
        consistency.write(Path(out, "consistency", name), head, seconds.speeds(), meta["classes"])
    lines = [f"{told}: {count} frames at {count / (time.perf_counter() - seconds.start):.1f} frames/s"]
    return "\n".join([*lines, *_told(consistency, seconds), *([note] if note else [])])


def _labels(
    networks: Mapping[str, tuple[nn.Module, Compose]], frame: Frame, seconds: _Seconds
) -> dict[str, np.ndarray]:
    maps = {}
    for name, (model, pipeline) in networks.items():
        maps[name], took = timed_labels(model, pipeline, frame.image)
        seconds.networks[name].append(took)
    return maps


def _told(consistency: Consistency | None, seconds: _Seconds) -> Iterator[str]:
    for name, speed in seconds.speeds().items():
        line = f"  {name}: {speed:.1f} frames/s in the network"
        if consistency is not None:
            scores = f"{consistency.told(name)} percent" if consistency.rows else "one frame, which has no consistency"
            line += f"; {scores}"
        yield line


@contextmanager
def _open_labels(
    folder: Path, source: str | Path | Clip, num_classes: int
) -> Iterator[Callable[[Frame, np.ndarray], None]]:
    """What writes label maps of frames, which appear together when the block ends well.

    They replace what an earlier run left of a video.
    """
    dtype = np.uint8 if num_classes <= 256 else np.uint16
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as new:

        def write(frame: Frame, labels: np.ndarray) -> None:
            own = source.paths[frame.number].stem if isinstance(source, Clip) else f"{frame.number:06d}"
            write_png(Path(new, f"{own}.png"), labels.astype(dtype))

        yield write
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir() if not isinstance(source, Clip) else ():
            if _NUMBERED.fullmatch(path.name):
                path.unlink()
        for path in sorted(Path(new).iterdir()):
            os.replace(path, folder / path.name)
