"""What the command lines ask of the segmentation task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from common.errors import ConfigError
from common.image_files import find_files
from tasks.seg.data_check import check_data
from tasks.seg.evaluation import evaluate
from tasks.seg.export import export_segmentor as export
from tasks.seg.inference import load_networks, predict_images
from tasks.seg.methods import METHODS, distilled_config, last_head
from tasks.seg.models import build_dataset, load_segmentor

__all__ = ["METHODS", "check_data", "distilled_config", "export", "predict", "prepare", "score"]

DEFAULT_METHOD = "bpkd"
# What `export` writes beside the files that it is asked for.
EXPORTED_BESIDE = {"out": (".py",)}
CHECKED = {"LoadImageFromFile": "CheckedImage", "LoadAnnotations": "CheckedAnnotations"}
# Packages whose loaders ours stand in for; "" is a name without a package, as registries take it.
STOCK_PACKAGES = ("", "mmcv", "mmseg")


def prepare(cfg: Config) -> None:
    """Make a training config's data loaders name the file that is unreadable or does not fit, in place.

    In every pipeline of the data loaders, nested ones included, mmcv's and mmseg's ``LoadImageFromFile`` and
    ``LoadAnnotations`` become `tasks.seg.datasets.CheckedImage` and `CheckedAnnotations` with the same arguments.
    Labels are held against the classes of the network's (a distillation's student's) last decode head, after
    ``reduce_zero_label`` and mmseg's label mapping, which is how the loss sees them.
    """
    limits = _label_limits(cfg.get("model") or {})
    replaced = False
    for part in ("train", "val", "test"):
        loader = cfg.get(f"{part}_dataloader") or {}
        for transform in _stock_loaders(loader.get("dataset")):
            transform["type"] = CHECKED[_name_of(transform["type"])]
            if transform["type"] == "CheckedAnnotations":
                transform.update(limits)
            replaced = True
    if replaced:
        imports = dict(cfg.get("custom_imports") or {})
        imports["imports"] = list(dict.fromkeys([*imports.get("imports", []), "tasks.seg"]))
        imports.setdefault("allow_failed_imports", False)
        cfg["custom_imports"] = imports


def _label_limits(model: Mapping) -> dict[str, int]:
    """What a network's head says about label values, as arguments of `CheckedAnnotations`."""
    model = model.get("student", model)
    if not model.get("decode_head"):
        return {}
    head = last_head(model)
    limits = {key: head[key] for key in ("num_classes", "ignore_index") if head.get(key) is not None}
    if limits.get("num_classes") == 1:
        limits["num_classes"] = 2  # one score per pixel tells two label values apart
    return limits


def _stock_loaders(settings: Any) -> Iterator[dict]:
    if isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _stock_loaders(value)
    elif isinstance(settings, dict):
        if _name_of(settings.get("type")) in CHECKED:
            yield settings
        for value in settings.values():
            yield from _stock_loaders(value)


def _name_of(kind: Any) -> str:
    """A transform's name without its package, or an empty string where it is none of mmcv's or mmseg's."""
    path = f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind)
    package, _, name = path.rpartition(".")
    return name if package.partition(".")[0] in STOCK_PACKAGES else ""


def score(
    config: str | Path,
    checkpoint: str | Path,
    split: str,
    data_root: str | None,
    device: str,
    cfg_options: dict | None = None,
    trust: bool = False,
) -> dict[str, float]:
    """Scores of a checkpoint on a split, in percent, and ``parameters``.

    Keys: ``mIoU``, ``mAcc``, ``aAcc``, ``boundary_IoU``, ``boundary_F`` (mean over tolerances),
    ``boundary_F_<tolerance>``, ``trimap_IoU_<width>`` and ``IoU_<class>``.
    """
    model, cfg = load_segmentor(config, checkpoint, device, cfg_options, trust)
    found = evaluate(model, build_dataset(cfg, split, data_root), device, name=Path(checkpoint).parent.name)
    scores = {key: float(found.scores[key]) for key in ("mIoU", "mAcc", "aAcc", "boundary_IoU")}
    scores["boundary_F"] = float(np.mean(list(found.scores["boundary_F"].values())))
    scores |= {f"boundary_F_{near:g}": float(f) for near, f in found.scores["boundary_F"].items()}
    scores |= {f"trimap_IoU_{width}": float(iou) for width, iou in found.scores["trimap_IoU"].items()}
    scores |= {
        f"IoU_{name}": float(iou) for name, iou in zip(found.classes, found.scores["IoU_per_class"], strict=True)
    }
    return scores | {"parameters": found.parameters}


def predict(
    networks: dict[str, tuple[str, str]],
    inputs: list[str],
    out: str | Path,
    device: str,
    opacity: float = 0.5,
    labels: bool = False,
    trust: bool = False,
) -> tuple[str, list[str]]:
    """Write coloured overlays of images, the networks side by side.

    Args:
        networks: name -> (config, checkpoint).
        inputs: image files or folders of images.
        out: folder for the results.
        device: ``'cpu'`` or ``'cuda'``.
        opacity: of the colours.
        labels: also write label maps.
        trust: unpickle any object in the checkpoints.

    Returns:
        A line about what was done and how fast, and why files were skipped, one line each.

    Raises:
        ConfigError: for an ONNX file, or networks of different classes.
        CheckpointError: as `tasks.seg.models.load_segmentor`.
    """
    for files in networks.values():
        if len(files) != 2:
            raise ConfigError(
                f"expected CONFIG CHECKPOINT for segmentation but found {', '.join(files)}; ONNX files of it are for "
                "onnxruntime (RGB images of their own size in, logits or labels out)"
            )
    images = find_files(inputs, skip=Path(out))
    run = predict_images(load_networks(networks, device, trust), images, out, opacity, labels)
    done = "no image could be read"
    if run.images:
        done = (
            f"{run.images} images at {run.images / run.seconds:.1f} images/s "
            f"({1e3 * run.network_seconds / run.images:.0f} ms per image in the networks); results in {out}"
        )
    return done, list(run.skipped.values())
