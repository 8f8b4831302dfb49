"""What the command lines ask of the segmentation task."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.seg.data_check import check_data
from tasks.seg.evaluation import evaluate
from tasks.seg.export import export_segmentor as export
from tasks.seg.inference import find_images, load_networks, predict_images
from tasks.seg.methods import METHODS, distilled_config
from tasks.seg.models import build_dataset, load_segmentor

__all__ = ["METHODS", "check_data", "distilled_config", "export", "predict", "score"]


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
    """
    images = find_images(inputs, skip=Path(out))
    run = predict_images(load_networks(networks, device, trust), images, out, opacity, labels)
    done = "no image could be read"
    if run.images:
        done = (
            f"{run.images} images at {run.images / run.seconds:.1f} images/s "
            f"({1e3 * run.network_seconds / run.images:.0f} ms per image in the networks); results in {out}"
        )
    return done, list(run.skipped.values())
