"""Label maps and coloured overlays of images and folders of images."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine import Config
from mmengine.dataset import pseudo_collate
from mmseg.registry import TRANSFORMS
from torch import nn

from common.errors import ConfigError, DataError
from common.image_files import read_image
from common.panels import Panel, panel_grid
from common.prediction_pipeline import prediction_pipeline as pipeline_in_memory
from common.report import track, write_png
from tasks.seg.models import load_segmentor

PANEL_WIDTH = 480


@dataclass
class PredictionRun:
    """What became of a list of images.

    Attributes:
        written: the overlays (and label maps) that were written.
        skipped: image -> why it could not be read.
        images: how many images were predicted.
        seconds: wall-clock time of all of it, reading and writing included.
        network_seconds: the part of it that the networks took.
    """

    written: list[Path] = field(default_factory=list)
    skipped: dict[Path, str] = field(default_factory=dict)
    images: int = 0
    seconds: float = 0.0
    network_seconds: float = 0.0


def overlay(
    image: np.ndarray, labels: np.ndarray, palette: Sequence[Sequence[int]], opacity: float = 0.5
) -> np.ndarray:
    """Lay the colours of ``labels`` over ``image``; labels outside the palette (ignored pixels) become black.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        labels: ``[H, W]``, integers.
        palette: one RGB colour per class.
        opacity: 0 shows the image alone, 1 the colours alone.

    Returns:
        RGB ``[H, W, 3]``, uint8.

    Raises:
        ValueError: if the sizes differ or the opacity lies outside 0 to 1.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(f"expected labels of size {image.shape[:2]} but found {labels.shape}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"expected an opacity from 0 to 1 but found {opacity}")
    colours = np.vstack([np.asarray(palette, dtype=np.uint8), np.zeros((1, 3), np.uint8)])
    known = (labels >= 0) & (labels < len(palette))
    colour = colours[np.where(known, labels, len(palette))]
    return np.rint(image * (1 - opacity) + colour * opacity).astype(np.uint8)


def prediction_pipeline(cfg: Config) -> Compose:
    """The config's test transforms for an image already in memory, without the steps that load files.

    Raises:
        ConfigError: if the config has no test or validation pipeline.
    """
    return pipeline_in_memory(cfg, TRANSFORMS)


def predict_labels(model: nn.Module, pipeline: Compose, image: np.ndarray, path: str | Path = "") -> np.ndarray:
    """Label map ``[H, W]`` (int64) of one RGB image ``[H, W, 3]``, at the image's own size."""
    return timed_labels(model, pipeline, image, path)[0]


def timed_labels(
    model: nn.Module, pipeline: Compose, image: np.ndarray, path: str | Path = ""
) -> tuple[np.ndarray, float]:
    """The label map that `predict_labels` gives, and the seconds that the network alone took for it.

    These hold normalising, the forward pass and bringing its scores to the image's size, not the resizing of the image.
    """
    shape = image.shape[:2]
    # mmseg's pipelines work on OpenCV's channel order; the model's preprocessor turns it round.
    bgr = np.ascontiguousarray(image[..., ::-1])
    sample = pipeline({"img": bgr, "img_path": str(path), "img_shape": shape, "ori_shape": shape, "seg_fields": []})
    start = time.perf_counter()
    with torch.no_grad():
        result = model.test_step(pseudo_collate([sample]))[0]
    labels = result.pred_sem_seg.data[0].cpu()  # waits for a GPU
    seconds = time.perf_counter() - start
    return labels.numpy().astype(np.int64), seconds


def load_networks(
    named: Mapping[str, tuple[str, str]], device: str, trust: bool = False
) -> dict[str, tuple[nn.Module, Compose]]:
    """Networks to predict side by side, each with its own transforms.

    Args:
        named: name -> (config, checkpoint).
        device: such as ``'cpu'``.
        trust: unpickle whatever the checkpoints hold.

    Raises:
        ConfigError: if they do not know the same number of classes, or as `load_segmentor`.
        CheckpointError: as `load_segmentor`.
    """
    networks = {}
    counts = {}
    for name, (config, checkpoint) in named.items():
        model, cfg = load_segmentor(config, checkpoint, device, trust=trust)
        networks[name] = (model, prediction_pipeline(cfg))
        counts[name] = len(model.dataset_meta["classes"])
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ConfigError(f"expected networks with the same classes but found that {told}; compare like with like")
    return networks


def predict_images(
    networks: Mapping[str, tuple[nn.Module, Compose]],
    images: Sequence[tuple[Path, Path]],
    out: str | Path,
    opacity: float = 0.5,
    labels: bool = False,
) -> PredictionRun:
    """Write ``OUT/overlay/NAME.png``, and the label maps as ``OUT/labels/NAME.png`` if asked for.

    With several networks the overlays stand side by side beside the image, under their names, and the
    label maps are those of the last network.

    Args:
        networks: what `load_networks` returns; at least one.
        images: what `common.image_files.find_files` returns.
        out: folder for the results.
        opacity: of the colours over the image, from 0 to 1.
        labels: also write label maps (PNG, one channel, value = class; 16 bit from 257 classes on).
    """
    run = PredictionRun()
    start = time.perf_counter()
    palette = list(networks.values())[-1][0].dataset_meta["palette"]
    for path, name in track(images, "predicting"):
        try:
            image = read_image(path)
        except DataError as error:
            run.skipped[path] = str(error)
            continue
        before = time.perf_counter()
        maps = {
            network: predict_labels(model, pipeline, image, path) for network, (model, pipeline) in networks.items()
        }
        run.network_seconds += time.perf_counter() - before
        run.images += 1
        target = Path(out, "overlay", f"{name}.png")
        write_png(target, side_by_side(image, maps, palette, opacity))
        run.written.append(target)
        if labels:
            target = Path(out, "labels", f"{name}.png")
            last = list(maps.values())[-1]
            write_png(target, last.astype(np.uint8 if len(palette) <= 256 else np.uint16))
            run.written.append(target)
    run.seconds = time.perf_counter() - start
    return run


def side_by_side(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    palette: Sequence[Sequence[int]],
    opacity: float = 0.5,
    most_width: int | None = None,
) -> np.ndarray:
    """The overlay of one network at the image's size; of several beside the image, each under its name.

    Args:
        image: RGB ``[H, W, 3]``, uint8.
        maps: name of the network -> labels ``[H, W]``; at least one.
        palette: one RGB colour per class.
        opacity: see `overlay`.
        most_width: of one picture among several, pixels; None leaves wide ones as they are.

    Returns:
        RGB picture, uint8.
    """
    if len(maps) == 1:
        return overlay(image, next(iter(maps.values())), palette, opacity)
    # Small frames are enlarged by a whole factor, so that captions fit and a pixel stays a square.
    factor = max(1, round(PANEL_WIDTH / image.shape[1]))
    whole = enlarge(image, factor)
    pictures = {"image": whole}
    pictures |= {name: overlay(whole, enlarge(found, factor), palette, opacity) for name, found in maps.items()}
    if most_width is not None and whole.shape[1] > most_width:
        size = most_width, round(whole.shape[0] * most_width / whole.shape[1])
        pictures = {name: cv2.resize(each, size, interpolation=cv2.INTER_AREA) for name, each in pictures.items()}
    return panel_grid([Panel(picture, name) for name, picture in pictures.items()], columns=len(pictures))


def enlarge(picture: np.ndarray, factor: int) -> np.ndarray:
    """Repeat each pixel ``factor`` times in both directions; ``[H, W]`` or ``[H, W, C]``."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
