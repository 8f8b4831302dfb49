"""Pictures of videos with their neighbours, for losses between frames and for scores of temporal consistency.

`ClipDataset` stands around any segmentation data set; its ``sequence`` tells where a picture's neighbours are. The
transforms that load and change them together are in `tasks.seg.clip_transforms`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from mmengine.dataset import BaseDataset
from mmengine.registry import Registry
from mmseg.registry import DATASETS
from rich.progress import track

from common.errors import ConfigError, DataError, did_you_mean
from common.image_files import IMAGE_SUFFIXES
from tasks.seg.flow import OpticalFlow, build_flow

SEQUENCES = Registry("sequence of frames")
# The last number in a picture's name is its frame's; Cityscapes' suffix holds another one.
_NUMBERED = re.compile(r"(?P<clip>.*?)(?P<number>\d+)(?P<suffix>_leftImg8bit)?")


class FrameName(NamedTuple):
    """What a picture's path says.

    Attributes:
        clip: which video it is of: its folder, and what stands in its name before the last number.
        number: of its frame; None for a name without one.
    """

    clip: str
    number: int | None


def frame_name(path: str | Path) -> FrameName:
    """Clip and number of a frame.

    >>> frame_name("camvid/val/0016E5_07959.png")
    FrameName(clip='camvid/val/0016E5_', number=7959)
    >>> frame_name("bonn/bonn_000031_000019_leftImg8bit.png")
    FrameName(clip='bonn/bonn_000031_', number=19)
    """
    path = Path(path)
    found = _NUMBERED.fullmatch(path.stem)
    if found is None:
        return FrameName(str(path.parent), None)
    return FrameName(str(path.parent / found["clip"]), int(found["number"]))


class FrameSequence(Protocol):
    """Tells the neighbours of a data set's pictures."""

    def neighbours(self, clip: Sequence[str], steps: Sequence[int]) -> list[list[str | None]]:
        """The frames at ``steps`` from each picture of a clip, None where there is none in reach.

        Args:
            clip: paths of the data set's pictures of one clip, in the order of their frames.
            steps: in frames, below 0 for earlier ones.
        """


@SEQUENCES.register_module()
class ListedFrames:
    """Neighbours are the pictures before and after in the data set itself: labelled videos, folders of frames.

    Args:
        max_gap: largest difference of the numbers of two frames that follow each other, in the numbers that their names
            bear. CamVid's val clip goes in steps of 2, its train pictures in steps of 30. None takes any.

    Raises:
        ConfigError: for a gap below 1.
        DataError: if names bear no numbers, and a gap is asked for.
    """

    def __init__(self, max_gap: int | None = None):
        if max_gap is not None and max_gap < 1:
            raise ConfigError(f"expected max_gap of at least 1 or None but found {max_gap}")
        self.max_gap = max_gap

    def neighbours(self, clip: Sequence[str], steps: Sequence[int]) -> list[list[str | None]]:
        numbers = [frame_name(path).number for path in clip]
        if self.max_gap is not None and None in numbers:
            raise DataError(
                f"expected a number at the end of each frame's name but found {clip[numbers.index(None)]}; number the "
                "frames, or leave max_gap out"
            )
        # The run of a frame changes where the gap to the one before is too large.
        runs = [0] * len(clip)
        for i in range(1, len(clip)):
            cut = self.max_gap is not None and numbers[i] - numbers[i - 1] > self.max_gap
            runs[i] = runs[i - 1] + cut
        return [
            [clip[i + step] if 0 <= i + step < len(clip) and runs[i + step] == runs[i] else None for step in steps]
            for i in range(len(clip))
        ]


@SEQUENCES.register_module()
class SinglePictures:
    """No picture has a neighbour: for single pictures beside a video's, which must have the same views."""

    def neighbours(self, clip: Sequence[str], steps: Sequence[int]) -> list[list[str | None]]:
        return [[None for _ in steps] for _ in clip]


@SEQUENCES.register_module()
class FrameFiles:
    """Neighbours are files of a further folder, named by the numbers of their frames; by default Cityscapes' sequences.

    The neighbour of ``ROOT/PART/.../NAME_000019_leftImg8bit.png`` at step k is
    ``ROOT/FRAMES/.../NAME_<19 + k>_leftImg8bit.png``, with as many digits; of another suffix where that is there.

    Args:
        part: the folder in a picture's path in whose place ``frames`` is put.
        frames: folder of all frames.
        before: how many frames there are before a picture. Within it a missing file is an error. None takes what is
            there.
        after: the same after a picture. Cityscapes' labelled picture is number 20 of 30.

    Raises:
        ConfigError: if a picture's path has no such part.
        DataError: if the folder, or a frame in reach, is missing.
    """

    def __init__(
        self,
        part: str = "leftImg8bit",
        frames: str = "leftImg8bit_sequence",
        before: int | None = 19,
        after: int | None = 10,
    ):
        self.part, self.frames, self.before, self.after = part, frames, before, after
        self._hint = (
            "get leftImg8bit_sequence_trainvaltest.zip and run data_prep/seg/cityscapes.py ROOT --sequences N"
            if frames == "leftImg8bit_sequence"
            else "put the video's frames there"
        )

    def neighbours(self, clip: Sequence[str], steps: Sequence[int]) -> list[list[str | None]]:
        return [[self._neighbour(Path(path), step) for step in steps] for path in clip]

    def _neighbour(self, picture: Path, step: int) -> str | None:
        found = _NUMBERED.fullmatch(picture.stem)
        if found is None:
            raise DataError(f"expected a number at the end of each frame's name but found {picture}")
        folder = self._folder(picture)
        number = int(found["number"]) + step
        reach = self.before if step < 0 else self.after
        if number < 0 or (reach is not None and abs(step) > reach):
            return None
        name = f"{found['clip']}{number:0{len(found['number'])}d}{found['suffix'] or ''}"
        for suffix in (picture.suffix, *IMAGE_SUFFIXES):
            if (file := folder / f"{name}{suffix}").is_file():
                return str(file)
        if reach is None:
            return None
        raise DataError(
            f"expected the frame {name}{picture.suffix} ({step:+d} of {picture}) but found none in {folder}; "
            f"{self._hint}"
        )

    def _folder(self, picture: Path) -> Path:
        parts = picture.parent.parts
        if self.part not in parts:
            raise ConfigError(
                f"expected {self.part!r} among the folders of {picture}, to put {self.frames!r} in its place; correct "
                "sequence=dict(part=…, frames=…)"
            )
        place = len(parts) - 1 - parts[::-1].index(self.part)
        root = Path(*parts[:place], self.frames)
        if not root.is_dir():
            raise DataError(f"expected a folder of frames but found none at {root}; {self._hint}")
        return root.joinpath(*parts[place + 1 :])


@DATASETS.register_module()
class ClipDataset(BaseDataset):
    """A segmentation data set whose samples know their neighbours in a video.

    ``views=dict(next=1)`` gives each picture the next frame under the name ``next``. With several steps a view's is
    drawn each time (`tasks.seg.clip_transforms.LoadNeighbours`), of all views the one at the same position:
    ``dict(next=[-3, -2, -1, 1, 2])`` are ETC's pairs [0], ``dict(previous=[-1, -2], next=[1, 2])`` its triples.
    Steps count frames as ``sequence`` does. Pictures come in the order of clips and frames.

    Args:
        dataset: the data set, or its config, without a pipeline.
        views: name -> step or steps; none gives plain pictures in the order of clips.
        sequence: ``dict(type='ListedFrames', max_gap=…)``, which is the default, ``dict(type='FrameFiles', …)`` or
            ``dict(type='SinglePictures')``.
        frames: ``(start, stop)``, the part of every clip to take, as positions in it and as a slice takes them: a
            training part ``(0, 60)`` and a held one ``(68, None)`` of a labelled clip. Neighbours are of the part too,
            where they are of the data set.
        options: ``pipeline`` and other arguments of `mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: if views do not fit each other, or the data set has a pipeline of its own.
        DataError: if no picture is left, or no picture has a neighbour.

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020 (and its code).
    """

    def __init__(
        self,
        dataset: Mapping[str, Any] | BaseDataset,
        views: Mapping[str, int | Sequence[int]] | None = None,
        sequence: Mapping[str, Any] | FrameSequence | None = None,
        frames: tuple[int | None, int | None] | None = None,
        lazy_init: bool = False,
        **options: Any,
    ):
        self.views = _checked_views(views or {})
        self.sequence = ListedFrames() if sequence is None else _build_sequence(sequence)
        self.part = _checked_part(frames)
        # Its list is gone through once: there is no need to pack it for workers.
        is_config = isinstance(dataset, Mapping)
        self.dataset = DATASETS.build({"serialize_data": False, **dataset}) if is_config else dataset
        if self.dataset.pipeline.transforms:
            raise ConfigError("expected a data set without pipeline in ClipDataset; give ClipDataset(pipeline=[…])")
        options.setdefault("test_mode", self.dataset.test_mode)
        super().__init__(metainfo=dict(self.dataset.metainfo), lazy_init=True, **options)
        self.data_root = self.dataset.data_root
        self.ignore_index = getattr(self.dataset, "ignore_index", 255)
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """An entry for each picture, with ``clip``, ``frame`` (position in it), ``steps`` and ``neighbours``.

        Both map a view to its steps and to the paths of the frames there, None where there is none.
        """
        self.dataset.full_init()
        entries = [self.dataset.get_data_info(index) for index in range(len(self.dataset))]
        clips = defaultdict(list)
        for entry in entries:
            name = frame_name(entry["img_path"])
            clips[name.clip].append((name.number if name.number is not None else -1, entry["img_path"], entry))
        data_list = []
        for clip in sorted(clips):
            frames = [entry for _, _, entry in sorted(clips[clip], key=lambda each: each[:2])][slice(*self.part)]
            data_list += self._with_neighbours(clip, frames)
        if not data_list:
            raise DataError(f"expected pictures but frames={self.part} leaves none of {self.dataset.data_root}")
        self._check_reach(data_list)
        return data_list

    def _with_neighbours(self, clip: str, frames: list[dict]) -> list[dict]:
        paths = [entry["img_path"] for entry in frames]
        found = {view: self.sequence.neighbours(paths, steps) for view, steps in self.views.items()}
        steps = {view: list(steps) for view, steps in self.views.items()}
        return [
            {
                **entry,
                "clip": clip,
                "frame": position,
                "steps": steps,
                "neighbours": {view: each[position] for view, each in found.items()},
            }
            for position, entry in enumerate(frames)
        ]

    def _check_reach(self, data_list: list[dict]) -> None:
        for view in self.views if not isinstance(self.sequence, SinglePictures) else ():
            if not any(path for entry in data_list for path in entry["neighbours"][view]):
                raise DataError(
                    f"expected pictures with a neighbour for view {view!r} (steps {list(self.views[view])}) but none "
                    f"of the {len(data_list)} of {self.dataset.data_root} has one: they are no video, or max_gap is "
                    "too small; if single pictures are meant, say sequence=dict(type='SinglePictures')"
                )


def _checked_views(views: Mapping[str, int | Sequence[int]]) -> dict[str, tuple[int, ...]]:
    checked = {name: (steps,) if isinstance(steps, int) else tuple(steps) for name, steps in views.items()}
    for name, steps in checked.items():
        if not steps or any(not isinstance(step, int) or step == 0 for step in steps):
            raise ConfigError(f"expected steps of view {name!r} as whole numbers other than 0 but found {list(steps)}")
    if len({len(steps) for steps in checked.values()}) > 1:
        raise ConfigError(
            "expected as many steps in each view, since one position is drawn for all, but found "
            + ", ".join(f"{name} {list(steps)}" for name, steps in checked.items())
        )
    return checked


def _checked_part(frames: Sequence[int | None] | None) -> tuple[int | None, int | None]:
    part = (None, None) if frames is None else frames
    is_pair = isinstance(part, (list, tuple)) and len(part) == 2
    if not is_pair or any(not (each is None or isinstance(each, int)) for each in part):
        raise ConfigError(f"expected frames=(start, stop) of whole numbers or None but found {frames!r}")
    return tuple(part)


def _build_sequence(settings: Mapping[str, Any] | FrameSequence) -> FrameSequence:
    if not isinstance(settings, Mapping):
        return settings
    options = dict(settings)
    kind = options.pop("type", None)
    made = SEQUENCES.module_dict.get(kind) if isinstance(kind, str) else kind
    if made is None:
        known = SEQUENCES.module_dict
        raise ConfigError(
            f"expected sequence=dict(type=…) with one of {', '.join(known)} but found {settings!r}"
            f"{did_you_mean(str(kind), known)}"
        )
    try:
        return made(**options)
    except TypeError as error:
        raise ConfigError(f"sequence {kind}: {error}") from error


def fill_flow_cache(dataset: ClipDataset, flow: OpticalFlow | Mapping[str, Any], threads: int = 1) -> int:
    """Compute the flow from every picture to each of its neighbours, of all steps, ahead of a training.

    Args:
        dataset: the clips.
        flow: an estimator with a cache, or its config.
        threads: that estimate at the same time; OpenCV's and torch's work runs beside Python.

    Returns:
        The number of pairs.

    Raises:
        ConfigError: for flow without a cache.
        DataError: if a picture can't be read or the flow not be written.
    """
    flow = build_flow(flow)
    if getattr(flow, "cache", None) is None:
        raise ConfigError("expected an estimator with cache=FOLDER to fill but found none")
    pairs = [
        (entry["img_path"], path, step)
        for entry in (dataset.get_data_info(index) for index in range(len(dataset)))
        for view, paths in entry["neighbours"].items()
        for path, step in zip(paths, entry["steps"][view], strict=True)
        if path is not None
    ]

    def fill(pair: tuple[str, str, int]) -> None:
        flow.of_files(*pair)

    with ThreadPoolExecutor(threads) as pool:
        for _ in track(pool.map(fill, pairs), "optical flow", total=len(pairs)):
            pass
    return len(pairs)
