"""Optical flow behind one interface: exact flow of generated videos, stored files, OpenCV's DIS, torchvision's RAFT.

Flow (u, v), pixels to the right and down, leads from the first picture to the second:
``first(x) ~ second(x + flow(x))``.
"""

from __future__ import annotations

import functools
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torchvision
from mmengine.registry import Registry
from torch.nn import functional as F

from common.checkpoint import file_sha256, load_strictly, read_checkpoint, state_dict_of
from common.errors import CheckpointError, ConfigError, DataError, did_you_mean
from common.image_files import read_image, upright_size
from tasks.seg.flow_files import FlowCache, FlowMap, as_kept, read_flow

FLOWS = Registry("optical flow")
DIS_LEAST = 12  # pixels: OpenCV's least side
RAFT_LEAST, RAFT_STRIDE = 128, 8  # torchvision's least side, and what sides are multiples of
RAFT_SIZES = {"small": "raft_small", "large": "raft_large"}
# Suffix of Cityscapes' pictures, which names of other files of the same frame do not have.
CITYSCAPES_SUFFIX = "_leftImg8bit"


class OpticalFlow(ABC):
    """Where flow comes from: an instance takes two pictures, `of_files` two files."""

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Flow from the first picture to the second.

        Args:
            first: RGB, uint8 ``[H, W, 3]``.
            second: of the same size.

        Returns:
            (u, v) in pixels, float32 ``[2, H, W]``.

        Raises:
            DataError: if they are no such pictures, or too small.
            ConfigError: if flow is only known of files.
        """
        raise ConfigError(
            f"expected pictures in files for {type(self).__name__} but found them in memory; estimate their flow with "
            "DISFlow or RAFTFlow"
        )

    @abstractmethod
    def of_files(self, first: str | Path, second: str | Path, step: int = 1) -> FlowMap:
        """Flow from the picture in the first file to that in the second, and where it is valid.

        Args:
            first: picture.
            second: picture of the same size.
            step: frames from the first to the second as their clip counts them, below 0 where the second is earlier.

        Raises:
            DataError: if a file is missing or damaged, or the sizes differ.
        """


def build_flow(settings: OpticalFlow | Mapping[str, Any]) -> OpticalFlow:
    """The flow of a config such as ``dict(type='DISFlow', cache='work_dirs/flow')``.

    Raises:
        ConfigError: for an unknown type or argument, with the nearest names.
    """
    if isinstance(settings, OpticalFlow):
        return settings
    options = dict(settings) if isinstance(settings, Mapping) else {}
    kind = options.pop("type", None)
    made = FLOWS.module_dict.get(kind) if isinstance(kind, str) else kind
    if made is None:
        known = ", ".join(FLOWS.module_dict)
        hint = did_you_mean(str(kind), FLOWS.module_dict)
        raise ConfigError(f"expected flow=dict(type=…) with one of {known} but found {settings!r}{hint}")
    try:
        return made(**options)
    except TypeError as error:
        raise ConfigError(f"flow {kind}: {error}") from error


class EstimatedFlow(OpticalFlow):
    """Flow that is computed from two pictures, once where a folder keeps it.

    Kept flow is rounded to 1/64 pixel, at the first use too. Its name follows from what both files hold, the estimator
    and its settings: moved data keeps it, changed data does not. A damaged file is replaced.

    Args:
        cache: folder that keeps flow of files; any number of processes may share it. None computes it each time.
        shrink: estimate, and keep, at this part of the width and height (2: half), which is faster and needs less room.
    """

    def __init__(self, cache: str | Path | None = None, shrink: int = 1):
        if not isinstance(shrink, int) or shrink < 1:
            raise ConfigError(f"expected shrink to be a whole number of at least 1 but found {shrink!r}")
        self.shrink = shrink
        self.cache = FlowCache(cache) if cache else None

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the estimates depend on beside the pictures, as JSON takes it."""

    @abstractmethod
    def estimate(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Flow ``[2, H, W]`` of two pictures that have been checked."""

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        _check_pictures(first, second, "the first and the second picture")
        return self._enlarged(self._small(first, second), first.shape[:2])

    def of_files(self, first: str | Path, second: str | Path, step: int = 1) -> FlowMap:
        if self.cache is None:
            return _everywhere(self(*self._read(first, second)))
        key = self._key(first, second)
        kept = self.cache.get(key)
        pictures = None
        if kept is None:
            pictures = self._read(first, second)
            estimated = self._small(*pictures)
            self.cache.put(key, estimated)
            kept = as_kept(estimated)
        if self.shrink == 1:
            return kept
        size = upright_size(first)[::-1] if pictures is None else pictures[0].shape[:2]
        return _everywhere(self._enlarged(kept.flow, size))

    def _small(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        if self.shrink > 1:
            size = tuple(max(1, round(side / self.shrink)) for side in first.shape[1::-1])
            first, second = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (first, second))
        return np.ascontiguousarray(self.estimate(first, second), np.float32)

    def _enlarged(self, flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return flow if flow.shape[1:] == tuple(size) else resize_flow(flow, size)

    def _read(self, first: str | Path, second: str | Path) -> tuple[np.ndarray, np.ndarray]:
        pictures = read_image(first), read_image(second)
        _check_pictures(*pictures, f"{first} and {second}")
        return pictures

    def _key(self, first: str | Path, second: str | Path) -> str:
        told = [self.settings(), self.shrink, _content(first), _content(second)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def resize_flow(flow: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Flow of the same two pictures at another size, its values scaled with the sides.

    It is interpolated linearly, but taken from the nearest pixel where the two differ by more than a pixel: there an
    outline runs, and a mean of the motions beside it is nobody's.

    Args:
        flow: (u, v) in pixels, float32 ``[2, H, W]``.
        size: new ``(height, width)``.
    """
    height, width = size
    scale = np.array([width / flow.shape[2], height / flow.shape[1]], np.float32)
    source = np.ascontiguousarray(flow.transpose(1, 2, 0))
    nearest = cv2.resize(source, (width, height), interpolation=cv2.INTER_NEAREST_EXACT) * scale
    linear = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    outline = np.abs(linear - nearest).max(axis=2, keepdims=True) > 1
    return np.ascontiguousarray(np.where(outline, nearest, linear).transpose(2, 0, 1))


@FLOWS.register_module()
class DISFlow(EstimatedFlow):
    """OpenCV's dense inverse search [0] on grey pictures: no weights, tens of milliseconds at 480x360.

    Args:
        preset: 'ultrafast', 'fast' or 'medium'.
        cache: see `EstimatedFlow`.
        shrink: see `EstimatedFlow`.

    Raises:
        ConfigError: for an unknown preset.
        DataError: for pictures with a side below 12 pixels.

    [0] Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016.
    """

    def __init__(self, preset: str = "medium", cache: str | Path | None = None, shrink: int = 1):
        super().__init__(cache, shrink)
        presets = ("ultrafast", "fast", "medium")
        if preset not in presets:
            raise ConfigError(f"expected preset 'ultrafast', 'fast' or 'medium' but found {preset!r}")
        self.preset, self._number = preset, presets.index(preset)

    def settings(self) -> dict[str, Any]:
        return {"type": "DISFlow", "preset": self.preset, "opencv": cv2.__version__}

    def estimate(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        if min(first.shape[:2]) < DIS_LEAST:
            found = f"{first.shape[1]}x{first.shape[0]}"
            raise DataError(f"expected pictures of at least {DIS_LEAST}x{DIS_LEAST} for DISFlow but found {found}")
        grey = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (first, second))
        # Made here: it can't be pickled, and costs little beside its work.
        flow = cv2.DISOpticalFlow_create(self._number).calc(*grey, None)
        return flow.transpose(2, 0, 1)


@FLOWS.register_module()
class RAFTFlow(EstimatedFlow):
    """RAFT [0] as torchvision has it, with weights from a file of yours; nothing is ever downloaded.

    torchvision publishes such files: ``raft_small_C_T_V2`` and ``raft_large_C_T_SKHT_V2`` among others, named by
    `torchvision.models.optical_flow.Raft_Small_Weights` and ``Raft_Large_Weights``.

    Args:
        weights: the file.
        size: 'small' or 'large'.
        updates: of its recurrent unit.
        device: 'cpu' or 'cuda'; workers of a data loader can't use a GPU, so fill the cache before
            (`tasks.seg.clips.fill_flow_cache`).
        cache: see `EstimatedFlow`.
        shrink: see `EstimatedFlow`.

    Raises:
        ConfigError: without a file, for an address in its place, or another size.
        CheckpointError: if there is no such file, or it holds other weights.

    [0] Teed, Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        size: str = "small",
        updates: int = 12,
        device: str = "cpu",
        cache: str | Path | None = None,
        shrink: int = 1,
    ):
        super().__init__(cache, shrink)
        if size not in RAFT_SIZES:
            raise ConfigError(f"expected size 'small' or 'large' but found {size!r}")
        named = f"torchvision.models.optical_flow.Raft_{size.capitalize()}_Weights"
        if not weights:
            raise ConfigError(
                f"expected RAFTFlow(weights=FILE) but found none: download one of {named} yourself, or use DISFlow, "
                "which needs none"
            )
        if "://" in str(weights):
            raise ConfigError(f"expected a file but found the address {weights}; download it and give its path")
        if not Path(weights).is_file():
            raise CheckpointError(f"expected RAFT's weights but found no file {weights}; download one of {named}")
        self.size, self.updates, self.device = size, updates, device
        make = getattr(torchvision.models.optical_flow, RAFT_SIZES[size])
        self.model = make(weights=None).eval().requires_grad_(False)  # None: random ones, which are then replaced
        load_strictly(self.model, state_dict_of(read_checkpoint(weights)), f"{weights} (size={size!r})")
        self._weights_hash = file_sha256(weights)
        self.model.to(device)

    def settings(self) -> dict[str, Any]:
        return {
            "type": "RAFTFlow",
            "size": self.size,
            "updates": self.updates,
            "weights": self._weights_hash,
            "torchvision": torchvision.__version__.partition("+")[0],
        }

    @torch.no_grad()
    def estimate(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        height, width = first.shape[:2]
        pairs = torch.from_numpy(np.stack([first, second])).permute(0, 3, 1, 2).to(self.device, torch.float32)
        right, below = _raft_padding(width), _raft_padding(height)
        padded = F.pad(pairs / 127.5 - 1, (0, right, 0, below), mode="replicate")
        flow = self.model(padded[:1], padded[1:], num_flow_updates=self.updates)[-1]
        return flow[0, :, :height, :width].cpu().numpy()


def _raft_padding(side: int) -> int:
    return max(RAFT_LEAST, -(-side // RAFT_STRIDE) * RAFT_STRIDE) - side


@FLOWS.register_module()
class StoredFlow(OpticalFlow):
    """Flow in files that are there already, of the kinds that `tasks.seg.flow_files.read_flow` reads.

    ``name`` tells a pair's file by its pictures: ``{first}`` and ``{second}`` are their names without suffix (and
    without Cityscapes' ``_leftImg8bit``), ``{folder}`` is the name of the first one's folder. Without ``{second}`` a
    file leads to the next frame. KITTI's ``image_2/000000_10.png``: ``folder='flow_occ', name='{first}.png'``; Sintel's
    ``final/alley_1/frame_0001.png``: ``folder='flow', name='{folder}/{first}.flo'``.

    Args:
        folder: of the flow files.
        name: of a pair's file in it.

    Raises:
        ConfigError: for a name that tells no file.
        DataError: if there is no such folder.
    """

    def __init__(self, folder: str | Path, name: str = "{first}_to_{second}.npz"):
        try:
            name.format(first="a", second="b", folder="c")
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(f"expected a name of {{first}}, {{second}} and {{folder}} but found {name!r}") from error
        if "{first}" not in name:
            raise ConfigError(f"expected {{first}} in the name of flow files but found {name!r}")
        self.folder, self.name = Path(folder), name
        if not self.folder.is_dir():
            raise DataError(f"expected a folder of flow files but found none at {self.folder}; check it")

    def of_files(self, first: str | Path, second: str | Path, step: int = 1) -> FlowMap:
        names = {"first": _frame_name(first), "second": _frame_name(second), "folder": Path(first).parent.name}
        if step != 1 and "{second}" not in self.name:
            raise ConfigError(
                f"expected flow from {first} to {second} ({step:+d} frames) but files called {self.name} lead to the "
                "next frame alone; ask for views=dict(next=1), or put {second} into their name"
            )
        path = self.folder / self.name.format(**names)
        if not path.is_file():
            raise DataError(f"expected the flow from {first} to {second} but found no file {path}")
        return read_flow(path)


@FLOWS.register_module()
class ExactFlow(OpticalFlow):
    """Flow beside generated pictures, as `data_prep.seg.video` and `data_prep.seg.synthetic` write it.

    The picture ``ROOT/SPLIT/A.png`` has ``ROOT/flow/SPLIT/A_to_B.npz``, or ``A.npz`` for the next frame; Cityscapes'
    ``ROOT/leftImg8bit/SPLIT/CITY/A_leftImg8bit.png`` likewise.
    """

    def of_files(self, first: str | Path, second: str | Path, step: int = 1) -> FlowMap:
        one, two = _frame_name(first), _frame_name(second)
        folder = _generated_flow_folder(Path(first))
        path = folder / f"{one}_to_{two}.npz"
        if not path.is_file() and step == 1:
            path = folder / f"{one}.npz"
        if not path.is_file():
            raise DataError(
                f"expected exact flow from {first} to {second} ({step:+d} frames) but found neither "
                f"{one}_to_{two}.npz nor, for the next frame, {one}.npz in {folder}; generate the video again with "
                f"--reach {abs(step)} (data_prep.seg.video), or estimate flow with DISFlow"
            )
        return read_flow(path)


def _generated_flow_folder(picture: Path) -> Path:
    if "leftImg8bit" in picture.parent.parts and len(picture.parents) > 3:
        return picture.parents[3] / "flow" / picture.parents[1].name
    return picture.parents[1] / "flow" / picture.parent.name


def _frame_name(picture: str | Path) -> str:
    return Path(picture).stem.removesuffix(CITYSCAPES_SUFFIX)


def _everywhere(flow: np.ndarray) -> FlowMap:
    return FlowMap(flow, np.ones(flow.shape[1:], bool))


def _check_pictures(first: np.ndarray, second: np.ndarray, names: str) -> None:
    for picture in (first, second):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise DataError(f"expected RGB pictures uint8 [H, W, 3] but found {picture.dtype} {picture.shape}: {names}")
    if first.shape != second.shape:
        sizes = " and ".join(f"{picture.shape[1]}x{picture.shape[0]}" for picture in (first, second))
        raise DataError(f"expected two pictures of one size but found {sizes}: {names}")


def _content(path: str | Path) -> str:
    try:
        state = Path(path).stat()
        return _content_hash(str(path), state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise DataError(f"expected a picture but found none at {path} ({error.strerror})") from error


@functools.lru_cache(maxsize=1 << 16)
def _content_hash(path: str, changed: int, size: int) -> str:
    """Hash of a file, which is read again when it has changed."""
    return file_sha256(path)
