"""What an evaluation of landmark networks gives: errors of points, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset

from common.cost import Latency
from common.landmark_files.face import Face
from common.landmark_files.scheme import LandmarkScheme
from tasks.landmarks.metrics import auc_paper, describe_distance, landmark_scores, region_errors

DISTANCES = ("ocular", "pupil", "box")
FRAMES = ("image", "crop")


@dataclass(frozen=True)
class Settings:
    """What all networks are evaluated with.

    Attributes:
        split: ``'val'`` or ``'test'``.
        data_root: folder of the data, in place of the configs'.
        device: ``'cpu'`` or ``'cuda'``.
        limit: only so many faces, evenly spread over the set.
        distance: that faces fail by, and that points, regions and pictures are judged by; one of `DISTANCES`.
        rounds: timed forward passes of each network on one thread; 0 takes no time.
        frame: measure errors in pixels of the ``'image'``, or of the ``'crop'``, as the authors of KD-Loss did in their
            stretched crops.
        options: ``{'dotted.key': value}`` for every config.
        trust: unpickle any object in the checkpoints.
    """

    split: str = "test"
    data_root: str | None = None
    device: str = "cpu"
    limit: int | None = None
    distance: str = "ocular"
    frame: str = "image"
    rounds: int = 20
    options: Mapping[str, Any] | None = None
    trust: bool = False


class Part(NamedTuple):
    """Some of the faces.

    Attributes:
        name: of the subset or attribute.
        kind: ``'all'``, ``'subset'`` or ``'attribute'``.
        chosen: bool ``[N]``.
    """

    name: str
    kind: str
    chosen: np.ndarray


@dataclass
class Run:
    """What one checkpoint gives.

    Attributes:
        source: as of `common.sources.origin_of`.
        points: predicted ones ``[N, n, 2]``, pixels of the image.
        errors: of points ``[N, n]``, shares of the distance that is asked for.
        nme: kind of distance -> errors of faces ``[N]``, shares of it.
    """

    source: dict[str, Any]
    points: np.ndarray
    errors: np.ndarray
    nme: dict[str, np.ndarray]


class Cost(NamedTuple):
    """Numbers that training sets; multiply-accumulates and, where it was taken, time for one crop of ``size`` pixels.

    The time is of the network in torch, on one thread of the CPU.
    """

    parameters: int
    macs: int
    size: int
    latency: Latency | None = None


@dataclass
class Arm:
    """The checkpoints of one network, trained alike from different seeds."""

    runs: list[Run]
    cost: Cost

    @cached_property
    def errors(self) -> np.ndarray:
        """Errors of points ``[N, n]``, means over the runs."""
        return np.mean([run.errors for run in self.runs], axis=0)


@dataclass
class Evaluation:
    """Arms by name, all evaluated on the same faces.

    Attributes:
        arms: name -> its runs.
        scheme: of the points.
        faces: N of them.
        indices: their places in the data set.
        dataset: of the first network, a `tasks.landmarks.datasets.FaceDataset`, for pictures.
        settings: see there.
        warnings: what makes the numbers doubtful.
    """

    arms: dict[str, Arm]
    scheme: LandmarkScheme
    faces: list[Face]
    indices: list[int]
    dataset: Dataset
    settings: Settings
    warnings: list[str] = field(default_factory=list)

    @property
    def distance(self) -> str:
        """What errors are divided by, in words."""
        told = describe_distance(self.scheme, self.settings.distance)
        return told if self.settings.frame == "image" else f"{told}, measured in the crop"

    @cached_property
    def points(self) -> np.ndarray:
        """Labelled points ``[N, n, 2]``, pixels of the image."""
        return np.stack([face.points for face in self.faces]).astype(np.float64)

    @cached_property
    def parts(self) -> list[Part]:
        """All faces; each subset, where there are several; those with each attribute."""
        parts = [Part("all", "all", np.ones(len(self.faces), bool))]
        subsets = np.array([face.subset for face in self.faces])
        names = list(dict.fromkeys(subsets.tolist()))
        if len(names) > 1:
            parts += [Part(name or "(no subset)", "subset", subsets == name) for name in names]
        for name in dict.fromkeys(name for face in self.faces for name in face.attributes):
            chosen = np.array([bool(face.attributes.get(name)) for face in self.faces])
            parts += [Part(name, "attribute", chosen)] if chosen.any() else []
        return parts

    def scores(self, run: Run, part: Part | None = None) -> dict[str, float]:
        """`landmark_scores` of a run, in percent, over all faces or a part of them."""
        chosen = slice(None) if part is None else part.chosen
        return landmark_scores({kind: errors[chosen] for kind, errors in run.nme.items()}, self.settings.distance)

    def paper_auc(self, run: Run) -> float:
        """`auc_paper` of a run over all faces, a share, for comparison with the authors' tables only."""
        return auc_paper(run.nme[self.settings.distance])

    def values(self, arm: str, score: str, part: Part | None = None) -> list[float]:
        """A score of each run of an arm."""
        return [self.scores(run, part)[score] for run in self.arms[arm].runs]

    def regions(self, run: Run) -> dict[str, float]:
        """Mean error of the points of each region, percent; where some points are occluded, of both kinds too."""
        found = {name: each.mean() for name, each in region_errors(run.errors, self.scheme.regions).items()}
        visible = np.stack([face.visible for face in self.faces]).astype(bool)
        if not visible.all() and visible.any():
            found |= {"visible points": run.errors[visible].mean(), "occluded points": run.errors[~visible].mean()}
        return {name: 100 * float(error) for name, error in found.items()}

    def crop(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """A face as the first network sees it, RGB uint8 ``[S, S, 3]``, and the map ``[2, 3]`` into it."""
        sample = self.dataset[self.indices[place]]
        image = sample["inputs"].numpy().transpose(1, 2, 0)
        return np.ascontiguousarray(image), sample["data_samples"].to_crop.numpy()

    def runs(self) -> Iterator[tuple[str, int, Run]]:
        """Every checkpoint with its arm's name and its number there, from 1."""
        for name, arm in self.arms.items():
            for number, run in enumerate(arm.runs, start=1):
                yield name, number, run
