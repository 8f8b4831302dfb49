"""Segmentation scores summed over a data set, in percent, and the functions of `tasks.seg.label_scores` behind them.

`SegmentationScores` serves a loop of one's own, `SegScores` the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from common.errors import DataError
from tasks.seg.label_scores import (
    BOUNDARY_RATIO,
    F_THRESHOLDS,
    WIDTHS,
    area_iou,
    boundary_areas,
    boundary_f,
    boundary_iou,
    boundary_precision_recall,
    class_change_distance,
    class_iou,
    confusion_matrix,
    f_score,
    mean_accuracy,
    mean_iou,
    mean_of_numbers,
    ratio_or_nan,
    trimap_areas,
    trimap_iou,
)

__all__ = [
    "BOUNDARY_RATIO",
    "F_THRESHOLDS",
    "WIDTHS",
    "SegScores",
    "SegmentationScores",
    "boundary_areas",
    "boundary_f",
    "boundary_iou",
    "boundary_precision_recall",
    "class_change_distance",
    "class_iou",
    "confusion_matrix",
    "mean_accuracy",
    "mean_dice",
    "mean_iou",
    "trimap_areas",
    "trimap_iou",
]


class SegmentationScores:
    """All scores of `tasks.seg.label_scores`, summed over images of any sizes.

    Args:
        num_classes: number of classes C.
        widths: see `trimap_iou`.
        boundary_ratio: see `boundary_iou`.
        f_thresholds: thresholds of `boundary_f`.
        ignore_index: the label of pixels that do not count.

    >>> scores = SegmentationScores(num_classes=2, widths=(1,))
    >>> scores.update(np.array([[0, 1, 1, 1]]), np.array([[0, 0, 1, 1]]))
    >>> result = scores.compute()
    >>> round(result["mIoU"], 2), round(result["trimap_IoU"][1], 2)
    (58.33, 25.0)
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = WIDTHS,
        boundary_ratio: float = BOUNDARY_RATIO,
        f_thresholds: Sequence[float] = F_THRESHOLDS,
        ignore_index: int = 255,
    ) -> None:
        self.num_classes = num_classes
        self.widths = tuple(sorted(widths))
        self.boundary_ratio = boundary_ratio
        self.f_thresholds = tuple(f_thresholds)
        self.ignore_index = ignore_index
        self.sums: dict[str, np.ndarray] = {
            "areas": np.zeros((len(self.widths) + 1, 3, num_classes), np.int64),
            "boundary_areas": np.zeros((2, num_classes), np.int64),
            "f_scores": np.zeros((len(self.f_thresholds), num_classes)),
            "f_images": np.zeros((len(self.f_thresholds), num_classes), np.int64),
        }

    def update(self, prediction: np.ndarray, target: np.ndarray) -> None:
        """Add one image, ``[H, W]`` each."""
        args = np.asarray(prediction), np.asarray(target), self.num_classes
        pr = boundary_precision_recall(*args, self.f_thresholds, self.ignore_index)
        f_scores = f_score(*pr, empty=np.nan)
        self.add(
            {
                "areas": trimap_areas(*args, self.widths, self.ignore_index),
                "boundary_areas": boundary_areas(*args, self.boundary_ratio, self.ignore_index),
                "f_scores": np.nan_to_num(f_scores),
                "f_images": (~np.isnan(f_scores)).astype(np.int64),
            }
        )

    def add(self, sums: dict[str, np.ndarray]) -> None:
        """Add the ``sums`` of another instance with the same settings, from another process for instance."""
        for name, value in sums.items():
            self.sums[name] += value

    def compute(self) -> dict[str, Any]:
        """The scores so far, in percent; a mean skips what is NaN (classes absent from both maps).

        Returns:
            ``mIoU``, ``mAcc``, ``aAcc``, ``boundary_IoU``: numbers. ``IoU_per_class``, ``Dice_per_class``,
            ``Acc_per_class``, ``boundary_IoU_per_class``: float64 ``(C,)``. ``trimap_IoU``: ``{width: mean IoU}``.
            ``boundary_F``: ``{threshold: mean over classes of F}``, ``boundary_F_per_class``: ``{threshold: (C,)}``,
            where F of a class is the mean over the images in which either map has a contour of it.
        """
        bands = self.sums["areas"].cumsum(axis=0)
        hits, predicted, true = bands[-1]
        iou, accuracy = 100 * area_iou(bands[-1]), 100 * ratio_or_nan(hits, true)
        boundary = 100 * ratio_or_nan(*self.sums["boundary_areas"])
        f = dict(zip(self.f_thresholds, 100 * ratio_or_nan(self.sums["f_scores"], self.sums["f_images"]), strict=True))
        return {
            "mIoU": mean_of_numbers(iou),
            "mAcc": mean_of_numbers(accuracy),
            "aAcc": 100 * float(ratio_or_nan(hits.sum(), true.sum())),
            "IoU_per_class": iou,
            "Dice_per_class": 100 * ratio_or_nan(2 * hits, predicted + true),
            "Acc_per_class": accuracy,
            "trimap_IoU": {w: 100 * mean_of_numbers(area_iou(bands[i])) for i, w in enumerate(self.widths)},
            "boundary_IoU": mean_of_numbers(boundary),
            "boundary_IoU_per_class": boundary,
            "boundary_F": {threshold: mean_of_numbers(values) for threshold, values in f.items()},
            "boundary_F_per_class": f,
        }


def mean_dice(per_class: np.ndarray, classes: Sequence[str]) -> float:
    """Mean of the classes' Dice scores, without that of a class named ``background``, as on medical sets.

    A class's areas are summed over all images, as those of mIoU. Medical papers often average over volumes instead.

    Args:
        per_class: ``Dice_per_class`` of `SegmentationScores`; NaN (a class in neither map) does not count.
        classes: their names.

    >>> mean_dice(np.array([99.0, 60.0, 80.0]), ("background", "liver", "spleen"))
    70.0
    """
    return mean_of_numbers(per_class[[name != "background" for name in classes]])


@METRICS.register_module()
class SegScores(BaseMetric):
    """`SegmentationScores` as an evaluator of the engine: ``val_evaluator=dict(type='SegScores')``.

    Returns, in percent: ``mIoU``, ``mDice``, ``mAcc``, ``aAcc``, ``boundary_IoU``, ``trimap_IoU_<width>``,
    ``boundary_F_<threshold>`` and ``boundary_F``, the mean over the thresholds. Logs a table by class.

    Args:
        widths: see `trimap_iou`.
        boundary_ratio: see `boundary_iou`.
        f_thresholds: thresholds of `boundary_f`.
        ignore_index: the label of pixels that do not count.
        collect_device: ``'cpu'`` or ``'gpu'``, by which processes exchange results.
        prefix: put before every key, as ``prefix/mIoU``.
    """

    default_prefix = ""

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        boundary_ratio: float = BOUNDARY_RATIO,
        f_thresholds: Sequence[float] = F_THRESHOLDS,
        ignore_index: int = 255,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.settings = (widths, boundary_ratio, f_thresholds, ignore_index)

    def _scores(self) -> SegmentationScores:
        return SegmentationScores(len(self.dataset_meta["classes"]), *self.settings)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the sums of each image: the engine drops a distributed sampler's repeats by image."""
        for sample in data_samples:
            if "gt_sem_seg" not in sample:
                raise DataError(
                    f"expected a label map beside each image to score but found none for {sample.get('img_path')}; "
                    "evaluate on a split with labels, and keep LoadAnnotations in its pipeline"
                )
            scores = self._scores()
            prediction, target = (sample[key]["data"][0].cpu().numpy() for key in ("pred_sem_seg", "gt_sem_seg"))
            scores.update(prediction, target)
            self.results.append(scores.sums)

    def compute_metrics(self, results: list[dict[str, np.ndarray]]) -> dict[str, float]:
        """Scores over all images of all processes, in percent."""
        scores = self._scores()
        for sums in results:
            scores.add(sums)
        result = scores.compute()
        print_log(_class_table(self.dataset_meta["classes"], result), logger="current")
        metrics = {name: result[name] for name in ("mIoU", "mAcc", "aAcc", "boundary_IoU")}
        metrics["mDice"] = mean_dice(result["Dice_per_class"], self.dataset_meta["classes"])
        metrics.update({f"trimap_IoU_{width}": value for width, value in result["trimap_IoU"].items()})
        metrics["boundary_F"] = mean_of_numbers(np.array(list(result["boundary_F"].values())))
        metrics.update({f"boundary_F_{threshold:g}": value for threshold, value in result["boundary_F"].items()})
        return metrics


def _class_table(classes: Sequence[str], result: dict[str, Any]) -> str:
    width = max(len(name) for name in ("class", *classes))
    boundary_f = np.mean(list(result["boundary_F_per_class"].values()), axis=0)
    columns = result["IoU_per_class"], result["Acc_per_class"], result["boundary_IoU_per_class"], boundary_f
    lines = [f"{'class':{width}}     IoU     Acc  bd.IoU    bd.F"]
    lines += [f"{name:{width}} {' '.join(f'{column[i]:7.2f}' for column in columns)}" for i, name in enumerate(classes)]
    return "\n".join(["scores by class, in percent", *lines])
