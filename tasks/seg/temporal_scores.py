"""Scores of how steady predictions are over the frames of videos, summed over clips, in percent.

`TemporalScores` serves a loop of one's own, `TemporalConsistency` the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS

from common.errors import ConfigError, DataError, did_you_mean
from tasks.seg.label_scores import area_iou, mean_of_numbers, ratio_or_nan
from tasks.seg.temporal.consistency import WARPING, consistency_areas, mean_consistency, visible_pixels

VISIBLE = ("all", "valid", "forward_backward")


class TemporalScores:
    """TC and flicker of label maps, summed over any number of pairs of frames, clips and sizes.

    The flicker of a class is the share of its pixels in frame t whose label is another one in the next frame, at the
    end of their flow:

        flicker(c) = #{p : y_t(p) = c and y_next(p + flow(p)) != c} / #{p : y_t(p) = c}

    of the pixels p that ``visible`` shows and neither frame ignores. Unlike TC it does not count what becomes c.

    Args:
        num_classes: number of classes C.
        warping: see `tasks.seg.temporal.temporal_consistency`.
        absent_as_zero: see `tasks.seg.temporal.temporal_consistency`; of TC alone.
        ignore_index: see `tasks.seg.temporal.temporal_consistency`.

    Raises:
        ValueError: for an unknown warping.

    >>> scores = TemporalScores(num_classes=2)
    >>> still = np.zeros((2, 1, 4), np.float32)
    >>> scores.update(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), still)
    >>> result = scores.compute()
    >>> round(result["TC"], 2), result["flicker_per_class"].tolist(), result["changed"]
    (58.33, [50.0, 0.0], 25.0)
    """

    def __init__(
        self, num_classes: int, warping: str = "nearest", absent_as_zero: bool = False, ignore_index: int = 255
    ) -> None:
        if warping not in WARPING:
            raise ValueError(f"expected warping to be one of {WARPING} but found {warping!r}")
        self.num_classes = num_classes
        self.warping = warping
        self.absent_as_zero = absent_as_zero
        self.ignore_index = ignore_index
        self.sums: dict[str, Any] = {"areas": np.zeros((3, num_classes), np.int64), "pairs": 0}

    def update(self, pred_t: Any, pred_next: Any, flow: Any, visible: Any = None) -> None:
        """Add a pair of frames, or T of them; arguments as `tasks.seg.temporal.temporal_consistency`."""
        args = (pred_t, pred_next, flow, self.num_classes, self.warping, visible, self.ignore_index)
        self.add({"areas": consistency_areas(*args), "pairs": 1 if pred_t.ndim == 2 else len(pred_t)})

    def add(self, sums: dict[str, Any]) -> None:
        """Add the ``sums`` of another instance with the same settings, from another process for instance."""
        for name, value in sums.items():
            self.sums[name] += value

    def compute(self) -> dict[str, Any]:
        """The scores so far, in percent; a mean skips what is NaN (classes that are nowhere).

        Returns:
            ``TC``, ``flicker`` (mean over classes), ``changed`` (the share of all compared pixels whose label changes):
            numbers. ``TC_per_class``, ``flicker_per_class``: float64 ``(C,)``. ``pairs``: how many pairs of frames.
        """
        areas = self.sums["areas"]
        same, here, _ = areas
        flicker = 100 * ratio_or_nan(here - same, here)
        return {
            "TC": 100 * mean_consistency(areas, self.absent_as_zero),
            "flicker": mean_of_numbers(flicker),
            "changed": 100 * float(ratio_or_nan((here - same).sum(), here.sum())),
            "TC_per_class": 100 * area_iou(areas),
            "flicker_per_class": flicker,
            "pairs": self.sums["pairs"],
        }


class Frame(NamedTuple):
    """What a frame's sample says: its file, its prediction ``[H, W]``, the file that its flow leads to, and the flow.

    The masks are None where they are not asked for.
    """

    path: str
    prediction: np.ndarray
    next_path: str | None
    flow: np.ndarray
    valid: np.ndarray | None
    flow_back: np.ndarray | None


@METRICS.register_module()
class TemporalConsistency(BaseMetric):
    """`TemporalScores` as an evaluator of the engine: ``test_evaluator=[dict(type='SegScores'),
    dict(type='TemporalConsistency')]``.

    Samples are those of `tasks.seg.clips.ClipDataset` with the view ``next=1``, whose flow `LoadNeighbours` has loaded
    and `PackClip` packed in the size of the prediction; no labels are needed. They must come one after the other as in
    their clips: in one process, not shuffled, in batches of any size. A frame's pair counts where the next sample is
    the frame that its flow leads to; how often it is not, at the ends of a part of a clip, is logged.

    Returns, in percent: ``TC``, ``flicker`` (mean over classes) and ``changed``. Logs a table by class.

    Args:
        visible: which pixels are compared: ``'all'``, as ETC does; ``'valid'``, where the sample's ``valid_next`` says
            that the flow leads to what is seen; ``'forward_backward'``, where the next frame's ``flow_previous``
            leads back (`tasks.seg.temporal.visible_pixels`), for which the view ``previous=-1`` is needed too.
        warping: see `TemporalScores`.
        absent_as_zero: see `TemporalScores`.
        ignore_index: see `TemporalScores`.
        collect_device: ``'cpu'`` or ``'gpu'``, by which processes exchange results.
        prefix: put before every key, as ``prefix/TC``.

    Raises:
        ConfigError: for an unknown option.
        DataError: if samples have no flow, or one of another size than the prediction; at the end, if most frames'
            next ones did not come next, or none did.
    """

    default_prefix = ""

    def __init__(
        self,
        visible: str = "all",
        warping: str = "nearest",
        absent_as_zero: bool = False,
        ignore_index: int = 255,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        for name, value, known in (("visible", visible, VISIBLE), ("warping", warping, WARPING)):
            if value not in known:
                raise ConfigError(
                    f"expected {name} to be one of {known} but found {value!r}{did_you_mean(value, known)}"
                )
        self.visible = visible
        self.settings = (warping, absent_as_zero, ignore_index)
        self._before: Frame | None = None

    def _scores(self) -> TemporalScores:
        return TemporalScores(len(self.dataset_meta["classes"]), *self.settings)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score each frame with the one before; an entry for each, since the engine counts them."""
        for sample in data_samples:
            frame, before = self._frame(sample), self._before
            scores, missed = self._scores(), 0
            if before is not None and before.next_path is not None:
                if Path(before.next_path) == Path(frame.path):
                    scores.update(before.prediction, frame.prediction, before.flow, self._mask(before, frame))
                else:
                    missed = 1
            self.results.append((scores.sums, missed))
            self._before = frame

    def _frame(self, sample: dict) -> Frame:
        path = str(sample.get("img_path"))
        prediction = sample["pred_sem_seg"]["data"][0].cpu().numpy()
        wanted = {"valid": "valid_next", "forward_backward": "flow_previous"}.get(self.visible)
        for field in ("flow_next", wanted):
            if field is not None and field not in sample:
                view = "previous=-1" if field == "flow_previous" else "next=1"
                raise DataError(
                    f"expected {field} in the samples to score but found none for {path}; test on a "
                    f"ClipDataset(views=dict({view}), …) with LoadNeighbours(flow=…, frames=False) behind Resize and "
                    "PackClip in its pipeline"
                )
        fields = {name: sample[name]["data"].cpu().numpy() for name in ("flow_next", wanted) if name is not None}
        for name, found in fields.items():
            if found.shape[1:] != prediction.shape:
                raise DataError(
                    f"expected {name} of the prediction's size {prediction.shape} but found {found.shape[1:]} for "
                    f"{path}; put LoadNeighbours(frames=False) behind Resize in the test pipeline"
                )
        valid = fields["valid_next"][0].astype(bool) if "valid_next" in fields else None
        next_path = (sample.get("neighbour_paths") or {}).get("next")
        return Frame(path, prediction, next_path, fields["flow_next"], valid, fields.get("flow_previous"))

    def _mask(self, before: Frame, frame: Frame) -> np.ndarray | None:
        if self.visible == "forward_backward":
            return visible_pixels(before.flow, frame.flow_back)
        return before.valid

    def evaluate(self, size: int) -> dict[str, float]:
        """The scores, and a fresh start."""
        if self._before is not None and self._before.next_path is not None:
            sums, missed = self.results[-1]
            self.results[-1] = (sums, missed + 1)
        self._before = None
        return super().evaluate(size)

    def compute_metrics(self, results: list[tuple[dict[str, Any], int]]) -> dict[str, float]:
        """Scores over all pairs of frames, in percent."""
        scores = self._scores()
        for sums, _ in results:
            scores.add(sums)
        missed, pairs = sum(missed for _, missed in results), scores.sums["pairs"]
        if not pairs or missed > pairs:
            raise DataError(
                f"expected the frames of a clip one after the other but found {pairs} that follow their neighbour and "
                f"{missed} that do not, of {len(results)}; test on a ClipDataset(views=dict(next=1), …) of all frames, "
                "in one process and not shuffled"
            )
        if missed:
            print_log(f"temporal consistency: the next of {missed} frames is not in the data", logger="current")
        result = scores.compute()
        print_log(_class_table(self.dataset_meta["classes"], result), logger="current")
        return {name: result[name] for name in ("TC", "flicker", "changed")}


def _class_table(classes: Sequence[str], result: dict[str, Any]) -> str:
    width = max(len(name) for name in ("class", *classes))
    lines = [f"{'class':{width}}      TC flicker"]
    columns = result["TC_per_class"], result["flicker_per_class"]
    lines += [f"{name:{width}} {' '.join(f'{column[i]:7.2f}' for column in columns)}" for i, name in enumerate(classes)]
    return "\n".join([f"temporal consistency by class over {result['pairs']} pairs of frames, in percent", *lines])
