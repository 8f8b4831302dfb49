"""What the command lines ask of the segmentation task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mmengine.config import Config

from common.errors import ConfigError
from common.image_files import find_files
from common.stock_transforms import import_also, stock_transforms
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


def prepare(cfg: Config) -> None:
    """Make a training config's data loaders name the file that is unreadable or does not fit, in place.

    In every pipeline of the data loaders, nested ones included, mmcv's and mmseg's ``LoadImageFromFile`` and
    ``LoadAnnotations`` become `common.checked_image.CheckedImage` and `tasks.seg.datasets.CheckedAnnotations` with the
    same arguments. Labels are held against the classes of the network's (a distillation's student's) last decode head,
    after ``reduce_zero_label`` and mmseg's label mapping, which is how the loss sees them.
    """
    limits = _label_limits(cfg.get("model") or {})
    stock = list(stock_transforms(cfg, CHECKED, "mmseg"))
    for transform, name in stock:
        transform["type"] = CHECKED[name]
        if name == "LoadAnnotations":
            transform.update(limits)
    if stock:
        import_also(cfg, "tasks.seg")


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
