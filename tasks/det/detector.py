"""Trained detectors as those who use them see them: what they know, and an image to the boxes in that image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnxruntime
import torch
from mmcv.transforms import Compose
from mmdet.registry import TRANSFORMS
from mmengine.dataset import pseudo_collate
from torch import nn
from torchvision.ops import batched_nms

from common.errors import CheckpointError, ConfigError
from common.onnx_files import open_session
from common.prediction_pipeline import prediction_pipeline
from tasks.det.boxes import Detections
from tasks.det.metrics import detections_of
from tasks.det.models import load_detector

TASK = "det"
INPUT = "image, RGB, 0 to 255, float32, [batch, 3, height, width]: resized and padded as the metadata say"
OUTPUT = (
    "boxes, float32, [batch, n, 4]: x1 y1 x2 y2 in pixels of the input, right and bottom exclusive, before suppression "
    "of those that overlap; scores, float32, [batch, n, classes], 0 to 1"
)
RESIZES = ("fit", "stretch")


@dataclass(frozen=True)
class DetectorInfo:
    """What an ONNX detector expects, and what is to be done with what it gives: stored in its file.

    Attributes:
        classes: names, by label.
        palette: an RGB colour for each.
        size: height and width of its images.
        resize: ``'fit'``: images keep their shape, stand in the upper left corner, and what is left is padded;
            ``'stretch'``: they take the size as it is.
        padding: RGB colour, 0 to 255, which the network sees as mmdet's padding.
        levels: numbers of boxes of its maps, finest first, in the order of its output.
        score_threshold: boxes with a score above it count.
        candidates: so many boxes of a map at most are candidates, those with the highest scores.
        least_side: boxes that are wider and higher than this count, in pixels of the image.
        nms_iou: of two boxes of a class that overlap more than this, the one with the lower score is dropped.
        max_detections: so many boxes are left at most, those with the highest scores.
    """

    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    resize: str
    padding: tuple[float, float, float]
    levels: tuple[int, ...]
    score_threshold: float
    candidates: int
    least_side: float
    nms_iou: float
    max_detections: int

    def as_metadata(self) -> dict[str, str]:
        """As an ONNX file stores it: each value as JSON, and what input and output are."""
        values = {key: json.dumps(value) for key, value in vars(self).items()}
        return {"task": TASK, "input": INPUT, "output": OUTPUT, **values}

    @classmethod
    def of_metadata(cls, metadata: Mapping[str, str], source: str) -> DetectorInfo:
        """What `as_metadata` made.

        Raises:
            CheckpointError: if an entry is missing or damaged, or it is another task's.
        """
        missing = [key for key in cls.__dataclass_fields__ if key not in metadata]
        if metadata.get("task") != TASK or missing:
            raise CheckpointError(
                f"expected an ONNX file that tools/export.py wrote for detection but found task "
                f"{metadata.get('task')!r}, without {', '.join(missing) or 'nothing'}, in {source}; export it again"
            )
        try:
            info = cls(**{key: _frozen(json.loads(metadata[key])) for key in cls.__dataclass_fields__})
        except ValueError as error:
            raise CheckpointError(f"expected metadata in JSON but found {error} in {source}") from error
        if info.resize not in RESIZES:
            raise CheckpointError(f"expected resize {' or '.join(RESIZES)} but found {info.resize!r} in {source}")
        return info


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


class Detector(Protocol):
    """A trained network that finds boxes in images.

    Attributes:
        name: of its file.
        classes: names, by label.
        palette: an RGB colour for each class.
    """

    name: str
    classes: Sequence[str]
    palette: Sequence[Sequence[int]]

    def detect(self, image: np.ndarray) -> Detections:
        """Boxes in an RGB image ``[H, W, 3]`` (uint8), in its pixels, highest score first."""


class TorchDetector:
    """A detector of mmdet with its config's test transforms, in torch; see `Detector`.

    Args:
        name: of its file.
        model: in eval mode, with ``dataset_meta``.
        pipeline: for images in memory, see `common.prediction_pipeline.prediction_pipeline`.
    """

    def __init__(self, name: str, model: nn.Module, pipeline: Compose):
        self.name, self.classes = name, tuple(model.dataset_meta["classes"])
        self.palette = model.dataset_meta["palette"]
        self._model, self._pipeline = model, pipeline

    def detect(self, image: np.ndarray) -> Detections:
        """Boxes in an RGB image ``[H, W, 3]`` (uint8), in its pixels, highest score first."""
        shape = image.shape[:2]
        # mmdet's pipelines work on OpenCV's channel order; the model's preprocessor turns it round.
        bgr = np.ascontiguousarray(image[..., ::-1])
        sample = self._pipeline({"img": bgr, "img_path": "", "img_id": 0, "img_shape": shape, "ori_shape": shape})
        with torch.no_grad():
            found = self._model.test_step(pseudo_collate([sample]))[0]
        return detections_of(found.pred_instances)


class OnnxDetector:
    """A detector that `tasks.det.export` wrote, in onnxruntime; see `Detector`.

    It finds what mmdet finds, but for three things. Its images have one size: where one leaves some of it empty, boxes
    near that edge differ a little, as mmdet pads less, and an upright image in a file for lying ones becomes smaller.
    Heads with a centerness (FCOS, ATSS) hold a score with it against the threshold, mmdet one without it, so that boxes
    of scores below the threshold are only mmdet's. And of more than ``candidates`` in a map, these heads' differ.

    Args:
        name: of its file.
        session: with the network.
        info: of its metadata.
    """

    def __init__(self, name: str, session: onnxruntime.InferenceSession, info: DetectorInfo):
        self.name, self.info = name, info
        self.classes, self.palette = info.classes, info.palette
        self._session = session

    def detect(self, image: np.ndarray) -> Detections:
        """Boxes in an RGB image ``[H, W, 3]`` (uint8), in its pixels, highest score first.

        Raises:
            CheckpointError: if the network gives numbers that are not finite.
        """
        picture, (width, height) = placed(image, self.info)
        inputs = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
        boxes, scores = (found[0] for found in self._session.run(["boxes", "scores"], {"image": inputs}))
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise CheckpointError(f"expected finite boxes but {self.name} gives others: its training diverged")
        # What was found in the padding ends at the image.
        boxes = np.minimum(boxes, np.array([width, height] * 2, np.float32))
        scale = np.array([width / image.shape[1], height / image.shape[0]] * 2)
        return suppressed(boxes / scale, scores, self.info)


def placed(image: np.ndarray, info: DetectorInfo) -> tuple[np.ndarray, tuple[int, int]]:
    """An image as an ONNX network takes it.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        info: of the network.

    Returns:
        RGB ``[S, T, 3]``, float32, of the network's size, and the width and height that the image has in it.
    """
    height, width = info.size
    if info.resize == "fit":
        zoom = min(height / image.shape[0], width / image.shape[1])
        sides = zip(image.shape[:2], info.size, strict=True)
        height, width = (max(1, min(most, int(side * zoom + 0.5))) for side, most in sides)  # mmcv rounds so
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    picture = np.empty((*info.size, 3), np.float32)
    picture[:] = info.padding
    picture[:height, :width] = resized
    return picture, (width, height)


def suppressed(boxes: np.ndarray, scores: np.ndarray, info: DetectorInfo) -> Detections:
    """What is left of an ONNX network's boxes: those that score enough and overlap no better one of their class.

    Args:
        boxes: ``[n, 4]`` in pixels of the image.
        scores: ``[n, C]``.
        info: of the network.
    """
    kept, start = [], 0
    for count in info.levels:
        places, labels = np.nonzero(scores[start : start + count] > info.score_threshold)
        order = np.argsort(-scores[start + places, labels], kind="stable")[: info.candidates]
        kept.append(np.stack([start + places[order], labels[order]], axis=1))
        start += count
    places, labels = np.concatenate(kept).T
    sides = boxes[places, 2:] - boxes[places, :2]
    large = (sides > info.least_side).all(axis=1)
    places, labels = places[large], labels[large]
    numbers = (torch.from_numpy(np.asarray(each, np.float64)) for each in (boxes[places], scores[places, labels]))
    best = batched_nms(*numbers, torch.from_numpy(labels), info.nms_iou).numpy()[: info.max_detections]
    return Detections(boxes[places][best], scores[places, labels][best], labels[best])


def load_detectors(
    networks: Mapping[str, Sequence[str]], device: str = "cpu", trust: bool = False, threads: int | None = None
) -> dict[str, Detector]:
    """Detectors by name, from (config, checkpoint) or (ONNX file, ).

    Args:
        networks: name -> files.
        device: ``'cpu'`` or ``'cuda'``; ONNX files run on the CPU.
        trust: unpickle any object in the checkpoints.
        threads: of onnxruntime; by default one per core.

    Raises:
        ConfigError: without a network, or as `load_detector`.
        CheckpointError: if one cannot be loaded.
    """
    if not networks:
        raise ConfigError("expected a network before the images: NETWORK.onnx, or CONFIG CHECKPOINT")
    return {
        name: load_onnx(*paths, threads) if len(paths) == 1 else load_checkpoint(*paths, device, trust)
        for name, paths in networks.items()
    }


def load_checkpoint(
    config: str | Path, checkpoint: str | Path, device: str = "cpu", trust: bool = False
) -> TorchDetector:
    """A trained detector in torch.

    Raises:
        ConfigError: if the config cannot be built or tells no test transforms, or there is no such device.
        CheckpointError: if the weights do not fit.
    """
    model, cfg = load_detector(config, checkpoint, device, trust=trust)
    return TorchDetector(Path(checkpoint).name, model, prediction_pipeline(cfg, TRANSFORMS))


def load_onnx(path: str | Path, threads: int | None = None) -> OnnxDetector:
    """A detector that `tasks.det.export` wrote, in onnxruntime.

    Raises:
        CheckpointError: if the file is missing or damaged, or is another kind of network.
    """
    session = open_session(path, threads)
    info = DetectorInfo.of_metadata(session.get_modelmeta().custom_metadata_map, str(path))
    found = {each.name: list(each.shape[1:]) for each in (*session.get_inputs(), *session.get_outputs())}
    count = sum(info.levels)
    expected = {"image": [3, *info.size], "boxes": [count, 4], "scores": [count, len(info.classes)]}
    if found != expected:
        raise CheckpointError(
            f"expected inputs and outputs {expected}, as its metadata say, but found {found} in {path}; export it again"
        )
    return OnnxDetector(Path(path).name, session, info)
