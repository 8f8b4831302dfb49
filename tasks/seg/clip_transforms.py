"""Transforms of a picture and its neighbours in a video: what happens to one happens to all, and to the flow.

Between them a sample holds, for each view in ``views``, ``frame_VIEW`` (as ``img``), ``flow_VIEW`` (float32
``[H, W, 2]``, (u, v) in pixels) and ``valid_VIEW`` (bool ``[H, W]``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import mmcv.transforms
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.datasets import transforms as mmseg_transforms
from mmseg.registry import TRANSFORMS

from common.checked_image import CheckedImage
from common.errors import ConfigError, DataError
from tasks.seg.flow import OpticalFlow, build_flow, resize_flow

RESIZES = (mmcv.transforms.Resize, mmcv.transforms.RandomResize, mmcv.transforms.RandomChoiceResize)
CROPS = (mmseg_transforms.RandomCrop,)
FLIPS = (mmcv.transforms.RandomFlip,)
# Those that treat every pixel alike, whatever is around it.
COLOURS = (mmseg_transforms.PhotoMetricDistortion, mmseg_transforms.AdjustGamma)
_SIGNS = {"horizontal": (-1, 1), "vertical": (1, -1), "diagonal": (-1, -1)}
# ImageNet's mean colour in BGR: what a preprocessor turns into almost 0, as its own padding is.
MEAN_COLOUR = (104, 116, 124)


@TRANSFORMS.register_module()
class LoadNeighbours(CheckedImage):
    """Loads the neighbours that `tasks.seg.clips.ClipDataset` names, and the flow to them.

    Of several steps one is drawn for all views, among those where every view has a frame; where there is none, among
    those where any has. A view without a frame in reach gets the picture itself, flow 0 and valid nowhere.

    After ``Resize`` in a test pipeline, with ``frames=False``, flow keeps the size of the labels, as these do.

    Args:
        flow: `tasks.seg.flow.OpticalFlow` or its config; None loads no flow.
        frames: whether to load the pictures.
        options: of mmcv's ``LoadImageFromFile``, for the pictures.

    Raises:
        ConfigError: for unknown flow.
        DataError: if a picture is missing, unreadable or of another size, or its flow is.
    """

    def __init__(
        self, flow: OpticalFlow | Mapping[str, Any] | None = None, frames: bool = True, **options: Any
    ) -> None:
        super().__init__(**options)
        self.flow = None if flow is None else build_flow(flow)
        self.frames = frames

    def transform(self, results: dict) -> dict:
        if "neighbours" not in results:
            raise ConfigError("expected a picture of a ClipDataset but found one without neighbours; wrap the data set")
        position = _draw(results["neighbours"])
        results["views"] = list(results["neighbours"])
        results["neighbour_paths"] = {}
        for view, paths in results["neighbours"].items():
            path = paths[position]
            results["neighbour_paths"][view] = path
            if self.frames:
                results[f"frame_{view}"] = results["img"].copy() if path is None else self._frame(path, results)
            if self.flow is not None:
                flow, valid = self._flow(path, results["steps"][view][position], results)
                results[f"flow_{view}"], results[f"valid_{view}"] = flow, valid
        return results

    def _frame(self, path: str, results: dict) -> np.ndarray:
        frame = super().transform({"img_path": path})["img"]
        if frame.shape != results["img"].shape:
            raise DataError(
                f"expected frames of one size but found {_size(results['img'])} in {results['img_path']} and "
                f"{_size(frame)} in {path}; load neighbours before a picture is changed, or restore the files"
            )
        return frame

    def _flow(self, path: str | None, step: int, results: dict) -> tuple[np.ndarray, np.ndarray]:
        height, width = results["ori_shape"][:2]
        if path is None:
            return np.zeros((height, width, 2), np.float32), np.zeros((height, width), bool)
        found = self.flow.of_files(results["img_path"], path, step)
        if found.valid.shape != (height, width):
            raise DataError(
                f"expected flow of {width}x{height}, as {results['img_path']}, but found "
                f"{found.valid.shape[1]}x{found.valid.shape[0]} for the flow to {path}"
            )
        return np.ascontiguousarray(found.flow.transpose(1, 2, 0)), found.valid


def _draw(neighbours: Mapping[str, Sequence[str | None]]) -> int:
    """A position that has frames, from NumPy's global generator, as mmseg's transforms draw."""
    has_frame = np.array([[path is not None for path in paths] for paths in neighbours.values()])
    if not has_frame.size:
        return 0
    choices = next((c for c in (has_frame.all(axis=0), has_frame.any(axis=0)) if c.any()), np.ones(1, bool))
    choices = np.flatnonzero(choices)
    return int(choices[0] if len(choices) == 1 else np.random.choice(choices))


@TRANSFORMS.register_module()
class ForAllFrames(BaseTransform):
    """Applies transforms of mmcv and mmseg to a picture and its neighbours alike.

    Frames are stacked, in channels for geometry and in height for colours, so each transform draws once for all.
    Flow follows: it is resized with its values scaled, cropped, and its sign turned by a flip.

    Args:
        transforms: configs, of ``Resize``, ``RandomResize``, ``RandomChoiceResize``, ``RandomCrop``, ``RandomFlip``,
            ``PhotoMetricDistortion`` and ``AdjustGamma``.

    Raises:
        ConfigError: for another transform: it might move pixels in a way that flow does not follow.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any] | BaseTransform]):
        self.transforms = [TRANSFORMS.build(dict(t)) if isinstance(t, Mapping) else t for t in transforms]
        for each in self.transforms:
            if not isinstance(each, RESIZES + CROPS + FLIPS + COLOURS):
                known = ", ".join(kind.__name__ for kind in RESIZES + CROPS + FLIPS + COLOURS)
                raise ConfigError(
                    f"expected transforms for all frames of the kinds {known} but found {type(each).__name__}; put it "
                    "before LoadNeighbours if it is for the picture alone"
                )

    def transform(self, results: dict) -> dict:
        frames = [f"frame_{view}" for view in results.get("views", ()) if f"frame_{view}" in results]
        maps = [f"{kind}_{view}" for view in results.get("views", ()) for kind in ("flow", "valid")]
        maps = [name for name in maps if name in results]
        for each in self.transforms:
            self._apply(each, results, frames, maps)
        return results

    def _apply(self, transform: BaseTransform, results: dict, frames: list[str], maps: list[str]) -> None:
        colours = isinstance(transform, COLOURS)
        stack = np.concatenate([results[name] for name in ("img", *frames)], axis=0 if colours else 2)
        # Flow is no label: it is only cropped as labels are.
        cropped = maps if isinstance(transform, CROPS) else []
        own_fields = list(results.get("seg_fields", []))
        results.update(img=stack, seg_fields=[*own_fields, *cropped])
        before = {"flip": results.pop("flip")} if "flip" in results else {}
        transform(results)
        flipped = results.get("flip")
        results.update({**before, **results, "seg_fields": own_fields})
        parts = np.split(results["img"], 1 + len(frames), axis=0 if colours else 2)
        for name, part in zip(("img", *frames), parts, strict=True):
            results[name] = np.ascontiguousarray(part)
        if isinstance(transform, RESIZES):
            _resize_maps(results, maps)
        elif flipped:
            _flip_maps(results, maps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.transforms})"


def _resize_maps(results: dict, maps: Sequence[str]) -> None:
    """Bring flow and its validity to the size of ``img``, whose former size they have."""
    height, width = results["img"].shape[:2]
    for name in maps:
        if name.startswith("flow_"):
            resized = resize_flow(results[name].transpose(2, 0, 1), (height, width))
            results[name] = np.ascontiguousarray(resized.transpose(1, 2, 0))
        else:
            nearest = cv2.resize(results[name].astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            results[name] = nearest.astype(bool)


def _flip_maps(results: dict, maps: Sequence[str]) -> None:
    direction = results["flip_direction"]
    for name in maps:
        flipped = mmcv.imflip(results[name], direction)
        is_flow = name.startswith("flow_")
        results[name] = np.ascontiguousarray(flipped * np.array(_SIGNS[direction], np.float32) if is_flow else flipped)


@TRANSFORMS.register_module()
class PadFrames(BaseTransform):
    """Pads a picture, its neighbours, label and flow on the right and below, up to a size.

    What a data preprocessor pads is the picture and its label alone. Needed where a random resize can give less than
    the crop.

    Args:
        size: ``(height, width)``; larger pictures stay.
        colour: of the padding, in the channel order of the picture.
        ignore_index: label of the padding. Flow is 0 there, and not valid, and neither is flow that leads there.
    """

    def __init__(
        self, size: tuple[int, int], colour: tuple[int, int, int] = MEAN_COLOUR, ignore_index: int = 255
    ) -> None:
        self.size, self.colour, self.ignore_index = tuple(size), tuple(colour), ignore_index

    def transform(self, results: dict) -> dict:
        below, right = (max(0, want - have) for want, have in zip(self.size, results["img"].shape[:2], strict=True))
        if not below and not right:
            return results
        fills = {"img": self.colour, **dict.fromkeys(results.get("seg_fields", ()), self.ignore_index)}
        for view in results.get("views", ()):
            if f"flow_{view}" in results:  # flow into the padding leads out of the picture
                results[f"valid_{view}"] = results[f"valid_{view}"] & _inside(results[f"flow_{view}"])
            fills |= {f"frame_{view}": self.colour, f"flow_{view}": 0, f"valid_{view}": 0}
        for name, fill in fills.items():
            if name in results:
                results[name] = _padded(results[name], below, right, fill)
        results["img_shape"] = results["img"].shape[:2]
        return results


def _padded(array: np.ndarray, below: int, right: int, fill: int | tuple[int, ...]) -> np.ndarray:
    padded = np.empty((array.shape[0] + below, array.shape[1] + right, *array.shape[2:]), array.dtype)
    padded[:] = fill
    padded[: array.shape[0], : array.shape[1]] = array
    return padded


@TRANSFORMS.register_module()
class PackClip(mmseg_transforms.PackSegInputs):
    """mmseg's `PackSegInputs`, and for each view the fields

    - ``frame_VIEW``: uint8 ``[3, H, W]``, in the channel order of ``inputs``;
    - ``flow_VIEW``: float32 ``[2, H, W]``, (u, v) in pixels from the picture to the neighbour;
    - ``valid_VIEW``: uint8 ``[1, H, W]``, 1 where the flow's target is in the picture and, as far as the flow's source
      tells, not hidden there.

    Metadata: also ``clip``, ``frame`` (position in it) and ``neighbour_paths`` (view -> file, None where the picture
    stands in for it).

    Raises:
        ConfigError: if neighbours are known but not loaded, or frames differ from the picture in size.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.meta_keys = (*self.meta_keys, "clip", "frame", "neighbour_paths")

    def transform(self, results: dict) -> dict:
        if results.get("neighbours") and "views" not in results:
            raise ConfigError("expected loaded neighbours but found none; put LoadNeighbours into the pipeline")
        packed = super().transform(results)
        sample, inputs = packed["data_samples"], packed["inputs"]
        for view in results.get("views", ()):
            if (frame := results.get(f"frame_{view}")) is not None:
                if frame.shape != results["img"].shape:
                    raise ConfigError(
                        f"expected view {view!r} of {_size(results['img'])}, as the picture, but found {_size(frame)}; "
                        "put what changes the size into ForAllFrames, or load with frames=False"
                    )
                sample.set_data({f"frame_{view}": PixelData(data=_channels_first(frame).to(inputs.dtype))})
            if (flow := results.get(f"flow_{view}")) is not None:
                self._check_flow(flow, view, results)
                valid = results[f"valid_{view}"] & _inside(flow)
                sample.set_data(
                    {
                        f"flow_{view}": PixelData(data=_channels_first(flow)),
                        f"valid_{view}": PixelData(data=torch.from_numpy(valid[None].astype(np.uint8))),
                    }
                )
        return packed

    def _check_flow(self, flow: np.ndarray, view: str, results: dict) -> None:
        label = results.get("gt_seg_map")
        if label is not None and label.shape != flow.shape[:2]:
            raise ConfigError(
                f"expected flow of view {view!r} in the size of the label, {_size(label)}, but found {_size(flow)}; in "
                "a test pipeline load both after Resize, in training both before it"
            )


def _inside(flow: np.ndarray) -> np.ndarray:
    """Where flow ``[H, W, 2]`` leads into the picture, up to half a pixel beyond its outer centres."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] + flow[..., 1]
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


def _channels_first(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
