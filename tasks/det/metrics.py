"""COCO's and VOC's average precision as an evaluator of the engine, and how true objects come out of data samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from common.errors import DataError
from tasks.det.boxes import MAX_DETECTIONS, Detections, Objects
from tasks.det.coco_scores import SIZES, coco_scores
from tasks.det.voc_scores import voc_scores

COCO_NAMES = ("AP", "AP50", "AP75", *(f"AP_{name}" for name in SIZES))
VOC_NAMES = ("mAP_11", "mAP_area")


@METRICS.register_module()
class BoxScores(BaseMetric):
    """COCO's average precision as an evaluator: ``val_evaluator=dict(type='BoxScores')``.

    True objects come with the data samples, so that no second file of annotations has to agree with the data set:
    from ``instances`` where the pipeline packs them (``PackDetInputs(meta_keys=(..., 'instances'))``), else from
    ``gt_instances`` and ``ignored_instances``. The latter must be in pixels of the stored image, as predictions are:
    ``LoadAnnotations`` stands after ``Resize`` in mmdet's test pipelines for that reason.

    Returns, in percent: ``AP`` (IoU 0.50 to 0.95), ``AP50``, ``AP75``, ``AP_small``, ``AP_medium``, ``AP_large``, and
    with ``voc`` also ``mAP_11`` and ``mAP_area`` (IoU 0.5, any number of detections). Detections of any score count.
    What there is nothing to find for is NaN. Logs a table by class.

    Args:
        voc: also VOC's mean average precision.
        max_detections: of a class and an image that count for COCO's.
        collect_device: ``'cpu'`` or ``'gpu'``, by which processes exchange results.
        prefix: put before every key, as ``prefix/AP``.
    """

    default_prefix = ""

    def __init__(
        self,
        voc: bool = False,
        max_detections: int = MAX_DETECTIONS,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.voc = voc
        self.max_detections = max_detections

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep objects and detections of each image."""
        self.results += [(objects_of(sample), detections_of(sample["pred_instances"])) for sample in data_samples]

    def compute_metrics(self, results: list[tuple[Objects, Detections]]) -> dict[str, float]:
        """Scores over all images of all processes, in percent."""
        truth, found = [objects for objects, _ in results], [detections for _, detections in results]
        classes = self.dataset_meta["classes"]
        scores = coco_scores(truth, found, len(classes), self.max_detections)
        metrics = {name: scores[name] for name in COCO_NAMES}
        if self.voc:
            scores |= voc_scores(truth, found, len(classes))
            metrics |= {name: scores[name] for name in VOC_NAMES}
        print_log(_class_table(classes, scores), logger="current")
        return metrics


def _class_table(classes: Sequence[str], scores: Mapping[str, Any]) -> str:
    width = max(len(name) for name in ("class", *classes))
    lines = [f"{'class':{width}}      AP    AP50"]
    pairs = zip(scores["AP_per_class"], scores["AP50_per_class"], strict=True)
    lines += [f"{name:{width}} {whole:7.2f} {half:7.2f}" for name, (whole, half) in zip(classes, pairs, strict=True)]
    return "\n".join(["average precision by class, in percent", *lines])


def objects_of(sample: Mapping[str, Any]) -> Objects:
    """The true objects of a data sample (as a dict) after a test pipeline, in pixels of the stored image.

    Raises:
        DataError: if there are none to be found, or they lie outside of the image: then they were resized with it.
    """
    name = sample.get("img_path", "an image")
    if sample.get("instances") is not None:
        return objects_of_instances(sample["instances"])
    parts = [sample.get(key) for key in ("gt_instances", "ignored_instances")]
    if parts[0] is None or "bboxes" not in parts[0] or "labels" not in parts[0]:
        raise DataError(
            f"expected true boxes beside each image to score but found none for {name}; evaluate on a split with "
            "annotations, and keep LoadAnnotations(with_bbox=True) in its pipeline"
        )
    parts = [part for part in parts if part is not None and "bboxes" in part]
    boxes = [_numbers(part["bboxes"]).reshape(-1, 4) for part in parts]
    labels = np.concatenate([_numbers(part["labels"]) for part in parts])
    ignored = np.repeat([False, True][: len(parts)], [len(each) for each in boxes])
    _check_inside(np.concatenate(boxes), sample)
    return Objects(np.concatenate(boxes), labels, ignored)


def _check_inside(boxes: np.ndarray, sample: Mapping[str, Any]) -> None:
    height, width = sample.get("ori_shape", (np.inf, np.inf))[:2]
    if len(boxes) and (boxes[:, 2].max() > width + 1 or boxes[:, 3].max() > height + 1):
        raise DataError(
            f"expected true boxes inside of {sample.get('img_path')}, {width}x{height} pixels (width x height), but "
            f"found one to {boxes[:, 2].max():g}, {boxes[:, 3].max():g}; put LoadAnnotations after Resize in the "
            "pipeline of the test, or correct the annotations"
        )


def objects_of_instances(instances: Sequence[Mapping[str, Any]]) -> Objects:
    """The true objects in a data set's own ``instances``, as ``dataset.get_data_info(index)`` has them.

    Args:
        instances: with ``bbox`` (x1 y1 x2 y2, pixels of the stored image), ``bbox_label``, ``ignore_flag``, and, where
            all have it, ``area``.
    """
    areas = np.array([each.get("area", np.nan) for each in instances], np.float64)
    return Objects(
        np.array([each["bbox"] for each in instances], np.float64),
        np.array([each["bbox_label"] for each in instances], np.int64),
        np.array([each.get("ignore_flag", 0) for each in instances], bool),
        None if np.isnan(areas).any() else areas,
    )


def detections_of(instances: Mapping[str, Any]) -> Detections:
    """What a detector's ``pred_instances`` hold: ``bboxes`` ``[k, 4]``, ``scores`` and ``labels`` ``[k]``."""
    return Detections(*(_numbers(instances[key]) for key in ("bboxes", "scores", "labels")))


def _numbers(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy()
