"""How far predicted landmarks lie from labelled ones.

Errors of faces are shares of a distance on the face: 0.04 is 4 % of it. Scores that are shown are in percent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS

from common.errors import ConfigError, DataError
from common.landmark_files.scheme import Group, LandmarkScheme, load_scheme, read_scheme

THRESHOLDS = (8, 10)  # percent, of failure rates and areas; COFW and WFLW are told at 10, 300W at either


def point_errors(pred: np.ndarray, gt: np.ndarray) -> np.ndarray:
    """Distance of each predicted point to the labelled one.

    Args:
        pred: ``[N, n, 2]``, pixels.
        gt: same shape.

    Returns:
        float64 ``[N, n]``, pixels.

    Raises:
        ValueError: if the shapes differ, or are others.
    """
    pred, gt = np.asarray(pred, np.float64), np.asarray(gt, np.float64)
    if pred.shape != gt.shape or pred.ndim != 3 or pred.shape[2] != 2:
        raise ValueError(f"expected points [N, n, 2] of one shape but found {pred.shape} and {gt.shape}")
    return np.linalg.norm(pred - gt, axis=2)


def normalised_errors(pred: np.ndarray, gt: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """`point_errors` ``[N, n]`` divided by a distance of each face ``[N]``.

    Raises:
        ValueError: if shapes do not fit, or a distance is not above 0.
    """
    errors, distances = point_errors(pred, gt), np.asarray(distances, np.float64)
    if distances.shape != errors.shape[:1]:
        raise ValueError(f"expected a distance for each of {len(errors)} faces but found {distances.shape}")
    if not (distances > 0).all():
        raise ValueError(f"expected distances above 0 but found {distances[~(distances > 0)][0]:g}")
    return errors / distances[:, None]


def nme(pred: np.ndarray, gt: np.ndarray, distances: np.ndarray) -> np.ndarray:
    r"""Normalised mean error of each face, :math:`\frac{1}{n\,d_i} \sum_k \lVert p_{ik} - g_{ik} \rVert_2`.

    Args:
        pred: p, ``[N, n, 2]``, pixels.
        gt: g, same shape.
        distances: d, ``[N]``, pixels; see `LandmarkScheme.distance`.

    Returns:
        float64 ``[N]``, shares of the distance.

    Raises:
        ValueError: if shapes do not fit, or a distance is not above 0.
    """
    return normalised_errors(pred, gt, distances).mean(axis=1)


def failure_rate(errors: np.ndarray, threshold: float) -> float:
    """Share of faces ``[N]`` whose error is above the threshold."""
    return float((_some(errors) > threshold).mean())


def ced(errors: np.ndarray, up_to: float = 0.1, steps: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative error distribution: which share of the faces has at most such an error.

    Args:
        errors: of faces, ``[N]``.
        up_to: the largest error of the curve.
        steps: between 0 and it.

    Returns:
        Errors and shares, each ``[steps + 1]``.
    """
    levels = np.linspace(0.0, up_to, steps + 1)
    ordered = np.sort(_some(errors))
    return levels, np.searchsorted(ordered, levels, side="right") / len(ordered)


def auc(errors: np.ndarray, threshold: float) -> float:
    r"""Area under `ced` up to a threshold t as a share of t: 1 where every face is right.

    .. math:: \frac{1}{t} \int_0^t \mathrm{CED}(e)\,de = \frac{1}{N t} \sum_i \max(0, t - e_i)

    This is exact. PIPNet and STAR integrate by Simpson's rule in steps of h = 1e-4, which differs by less than h / t
    (0.1 points of a percentage at t = 0.1).

    Args:
        errors: of faces, ``[N]``.
        threshold: t.
    """
    return float(np.maximum(0.0, threshold - _some(errors)).mean() / threshold)


def auc_paper(errors: np.ndarray) -> float:
    r"""What the authors of KD-Loss print as AUC [0]. For comparison with their tables only: it is no area under a CED.

    .. math:: \sum_{k=1}^{19} \tfrac{t_k + t_{k-1}}{2} (S_k - S_{k-1}), \quad
              S_k = \sum_{i \le k} \mathrm{CED}(t_i), \quad t_i = 0.1 \, i / 19

    A network without errors gets 0.95, and every other one more than by `auc` (0.79 is about 0.60 there).

    Args:
        errors: of faces, ``[N]``, shares of the distance.

    [0] aliprf/FLD-DD, evaluation code of Fard and Mahoor, Facial landmark points detection using knowledge
    distillation-based neural networks, 2022.
    """
    levels, shares = ced(errors, up_to=0.1, steps=19)
    return float(np.sum((levels[1:] + levels[:-1]) / 2 * shares[1:]))


def region_errors(errors: np.ndarray, regions: Mapping[str, Group]) -> dict[str, np.ndarray]:
    """Mean error of the points of each region, of points' errors ``[N, n]``: name -> ``[N]``."""
    return {name: errors[:, list(points)].mean(axis=1) for name, points in regions.items()}


def _some(errors: np.ndarray) -> np.ndarray:
    errors = np.asarray(errors, np.float64)
    if errors.ndim != 1 or not len(errors):
        raise ValueError(f"expected errors of faces [N], at least one, but found {errors.shape}")
    return errors


def describe_distance(scheme: LandmarkScheme, kind: str) -> str:
    """What errors are divided by, in words for a title: ``'inter-ocular 36-45'``."""
    if kind == "box":
        return "root of the area of the points' box"
    groups = scheme.ocular if kind == "ocular" else scheme.pupil
    if all(len(group) == 1 for group in groups):
        return f"inter-{kind} {groups[0][0]}-{groups[1][0]}"
    return f"inter-{kind} (means of {' and '.join(_points_text(group) for group in groups)})"


def _points_text(group: Group) -> str:
    if len(group) > 2 and list(group) == list(range(group[0], group[-1] + 1)):
        return f"{group[0]}..{group[-1]}"
    return "+".join(map(str, group))


def face_distances(scheme: LandmarkScheme, gt: np.ndarray, kind: str, names: Sequence[str]) -> np.ndarray:
    """What the errors of labelled faces are divided by, ``[N]``, in the unit of their points ``[N, n, 2]``.

    Raises:
        DataError: naming the faces ``names`` whose distance is 0 or unknown.
        ConfigError: for a kind that the scheme does not have.
    """
    distances = scheme.distance(np.asarray(gt, np.float64), kind)
    bad = [name for name, distance in zip(names, distances, strict=True) if not 0 < distance < np.inf]
    if bad:
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise DataError(
            f"expected a distance above 0 to divide errors by ({describe_distance(scheme, kind)}) but found none for "
            f"{', '.join(bad[:5])}{more}; mend the labels, or leave out the face"
        )
    return distances


def landmark_scores(errors: Mapping[str, np.ndarray], judged: str = "ocular") -> dict[str, float]:
    """Scores of faces, in percent.

    Args:
        errors: kind of distance -> NME of each face, ``[N]``.
        judged: the kind that faces fail by.

    Returns:
        ``nme_<kind>`` of every kind; ``fr8_<judged>`` and ``fr10_<judged>``, failure rates at 8 and 10 percent;
        ``auc8_<judged>`` and ``auc10_<judged>``, see `auc`.
    """
    scores = {f"nme_{kind}": 100 * float(_some(faces).mean()) for kind, faces in errors.items()}
    scores |= {f"fr{level}_{judged}": 100 * failure_rate(errors[judged], level / 100) for level in THRESHOLDS}
    return scores | {f"auc{level}_{judged}": 100 * auc(errors[judged], level / 100) for level in THRESHOLDS}


@METRICS.register_module()
class LandmarkScores(BaseMetric):
    """`landmark_scores` over a loop's samples, and the same of some of its faces.

    Those of each subset, where the set has several, and of the faces with each attribute have its name at their end, as
    in ``nme_ocular_challenging`` or ``fr10_ocular_pose``; a subset comes before an attribute of its name.

    A sample has ``pred_points`` and ``image_points``, ``(n, 2)`` in pixels of the image, and ``gt_index``; for subsets
    also ``gt_subset``, its place in ``subsets`` of the data set's ``metainfo``, a list of names; for attributes also
    ``gt_attributes``, bool ``(A,)``, which of ``attributes`` there it has.

    Args:
        scheme: name or file of the landmark scheme, or the scheme; by default ``scheme`` of the set's ``metainfo``, a
            name or what `read_scheme` takes.
        collect_device: where results of several processes are joined, ``'cpu'`` or ``'gpu'``.
        prefix: put before the names of the scores.
    """

    def __init__(
        self, scheme: str | LandmarkScheme | None = None, collect_device: str = "cpu", prefix: str | None = None
    ):
        super().__init__(collect_device, prefix)
        self.scheme = None if scheme is None else load_scheme(scheme)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep points, index, subset and attributes of the faces of a batch."""
        for sample in data_samples:
            points = (sample[key].cpu().numpy() for key in ("pred_points", "image_points"))
            has = [bool(value) for value in sample.get("gt_attributes", ())]
            self.results.append((*points, int(sample["gt_index"]), int(sample.get("gt_subset", -1)), has))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray, int, int, list[bool]]]) -> dict[str, float]:
        """The scores of everything that was kept.

        Raises:
            DataError: for a face without a distance to divide by.
            ConfigError: if the predictions are of another scheme.
        """
        scheme = self.scheme or _told_scheme(self.dataset_meta or {})
        pred, gt, indices, places, has = (np.array(values) for values in zip(*results, strict=True))
        if pred.shape != gt.shape or gt.shape[1] != scheme.num_points:
            raise ConfigError(
                f"expected {scheme.num_points} points, as in scheme {scheme.name!r}, but found {pred.shape[1]} "
                f"predicted and {gt.shape[1]} labelled"
            )
        names = [f"face {index}" for index in indices]
        errors = {kind: nme(pred, gt, face_distances(scheme, gt, kind, names)) for kind in scheme.distances}
        scores = landmark_scores(errors)
        for name, chosen in self._parts(places, has).items():
            of_part = landmark_scores({kind: faces[chosen] for kind, faces in errors.items()})
            scores |= {f"{score}_{name}": value for score, value in of_part.items()}
        return scores

    def _parts(self, places: np.ndarray, has: np.ndarray) -> dict[str, np.ndarray]:
        """Subset or attribute -> its faces, bool ``[N]``; those without any are left out."""
        meta = self.dataset_meta or {}
        subsets = {name: places == place for place, name in enumerate(meta.get("subsets", ()))}
        subsets = {name: chosen for name, chosen in subsets.items() if chosen.any()}
        names = meta.get("attributes", ())
        attributes = dict(zip(names, has.T, strict=True)) if has.size else {}
        attributes = {name: chosen for name, chosen in attributes.items() if chosen.any()}
        return {**attributes, **subsets} if len(subsets) > 1 else attributes


def _told_scheme(metainfo: Mapping[str, Any]) -> LandmarkScheme:
    told = metainfo.get("scheme")
    if told is None:
        raise ConfigError("expected a data set that tells its scheme, or LandmarkScores with scheme=NAME or FILE.json")
    return read_scheme(told, "the data set's metainfo") if isinstance(told, Mapping) else load_scheme(told)
