"""What the command lines ask of the segmentation task."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasks.seg.data_check import check_data
from tasks.seg.evaluation import evaluate
from tasks.seg.methods import METHODS, distilled_config
from tasks.seg.models import build_dataset, load_segmentor

__all__ = ["METHODS", "check_data", "distilled_config", "score"]


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
