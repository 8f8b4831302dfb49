"""What the command lines ask of the detection task."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

import tasks.det  # noqa: F401
from common.stock_transforms import import_also, stock_transforms
from tasks.det.class_lists import check_classes
from tasks.det.data_check import check_data as check_files
from tasks.det.evaluation import evaluate
from tasks.det.export import export
from tasks.det.methods import METHODS, distilled_config
from tasks.det.metrics import COCO_NAMES, VOC_NAMES
from tasks.det.models import build_dataset, load_detector
from tasks.det.predict import predict

__all__ = ["METHODS", "check_data", "distilled_config", "export", "predict", "prepare", "score"]

DEFAULT_METHOD = "acam"
# What `export` writes beside the files that it is asked for.
EXPORTED_BESIDE = {"out": (".py",), "onnx": (".json",)}


def prepare(cfg: Config) -> None:
    """Make a training config's data loaders name the picture that is unreadable, in place.

    In every pipeline mmcv's ``LoadImageFromFile`` becomes `common.checked_image.CheckedImage`.
    """
    for transform, _ in list(stock_transforms(cfg, ("LoadImageFromFile",), "mmdet")):
        transform["type"] = "CheckedImage"
    import_also(cfg, "tasks.det")


def check_data(cfg: Config) -> None:
    """Look for what a config's data loaders read, and hold lists of classes against each other.

    Raises:
        DataError: three lines that name what is missing, where to get it and how to prepare it.
        ConfigError: as `tasks.det.class_lists.check_classes`.
    """
    check_files(cfg)
    check_classes(cfg)


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

    Keys: as `tasks.det.metrics.BoxScores` with VOC's, and ``AP_<class>``.
    """
    model, cfg = load_detector(config, checkpoint, device, cfg_options, trust)
    found = evaluate(model, build_dataset(cfg, split, data_root), device, name=Path(checkpoint).parent.name)
    scores = {key: float(found.scores[key]) for key in (*COCO_NAMES, *VOC_NAMES)}
    scores |= {
        f"AP_{name}": float(value) for name, value in zip(found.classes, found.scores["AP_per_class"], strict=True)
    }
    return scores | {"parameters": found.parameters}
