"""What the losses of the benchmark are called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from common.loss_benchmark.peers import Arguments

IGNORED = 255


@dataclass(frozen=True)
class Shapes:
    """Sizes of what losses are called with."""

    logits: tuple[int, int] = (256, 1000)
    dense: tuple[int, int, int, int] = (4, 19, 128, 256)
    features: tuple[int, int, int, int] = (8, 256, 64, 64)
    embeddings: tuple[int, int] = (256, 512)
    bins: tuple[int, int] = (8192, 17)
    scores: tuple[int, int, int, int] = (8, 1, 8, 8)
    levels: int = 5  # of a feature pyramid
    stages: int = 3  # of a network
    label_stride: int = 4  # of dense scores, in label pixels
    samples: int = 50_000  # of a training set with a memory
    negatives: int = 16_384


MINI = Shapes(
    logits=(8, 12),
    dense=(2, 5, 16, 16),
    features=(2, 8, 16, 16),
    embeddings=(8, 6),
    bins=(16, 5),
    scores=(4, 1, 2, 2),
    levels=2,
    samples=50,
    negatives=20,
)


class Draw:
    """Tensors for a call, alike at every run: normally distributed, and labels in blocks as in pictures."""

    def __init__(self, shapes: Shapes, device: str = "cpu"):
        self.shapes, self.device = shapes, device
        self.generator = torch.Generator().manual_seed(0)

    def floats(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator).to(self.device)

    def pair(self, name: str) -> Arguments:
        """Student and teacher of one of the shapes."""
        shape = getattr(self.shapes, name)
        return {"student": self.floats(*shape), "teacher": self.floats(*shape)}

    def classes(self, *shape: int, count: int) -> Tensor:
        return torch.randint(count, shape, generator=self.generator).to(self.device)

    def label_map(self, name: str, stride: int = 1, block: int = 8) -> Tensor:
        """Label maps with ``stride`` pixels a side for each position of a shape, one block in thirty ignored."""
        batch, _, *grid = getattr(self.shapes, name)
        coarse_grid = [-(-side // block) for side in grid]
        coarse = self.classes(batch, *coarse_grid, count=self.shapes.dense[1])
        coarse[self.classes(batch, *coarse_grid, count=30) == 0] = IGNORED
        fine = coarse.repeat_interleave(block * stride, 1).repeat_interleave(block * stride, 2)
        return fine[:, : stride * grid[0], : stride * grid[1]].contiguous()

    def pyramid(self, levels: int, widening: int = 1, narrow: int = 1) -> list[Tensor]:
        """Maps of halving sides and channels that grow by a factor."""
        batch, channels, *grid = self.shapes.features
        sizes = [(channels // narrow * widening**level, *(side >> level for side in grid)) for level in range(levels)]
        return [self.floats(batch, *size) for size in sizes]


def pair(name: str) -> Callable[[Draw], Arguments]:
    """Student and teacher alone."""
    return lambda draw: draw.pair(name)


def with_labels(draw: Draw) -> Arguments:
    """Logits and their classes."""
    return {**draw.pair("logits"), "target": draw.classes(draw.shapes.logits[0], count=draw.shapes.logits[1])}


def with_label_map(name: str, stride: str | None = None) -> Callable[[Draw], Arguments]:
    """Maps and their labels, of the same grid or of a finer one."""
    return lambda draw: {
        **draw.pair(name),
        "target": draw.label_map(name, getattr(draw.shapes, stride) if stride else 1),
    }


def with_features(draw: Draw) -> Arguments:
    """Dense logits with their labels, and the features behind them."""
    batch, _, *grid = draw.shapes.dense
    features = {name: draw.floats(batch, draw.shapes.features[1], *grid) for name in ("student", "teacher")}
    return {**with_label_map("dense")(draw), **{f"{name}_features": value for name, value in features.items()}}


def embeddings(names: tuple[str, ...] = ("labels",), negatives: bool = False) -> Callable[[Draw], Arguments]:
    """Embeddings with the labels of ten classes, and other samples of which they are to keep away."""

    def arguments(draw: Draw) -> Arguments:
        count = draw.shapes.embeddings[0]
        other = {"negatives": draw.floats(*draw.shapes.embeddings)} if negatives else {}
        return {**draw.pair("embeddings"), **other, **{name: draw.classes(count, count=10) for name in names}}

    return arguments


def scores(*names: str) -> Callable[[Draw], Arguments]:
    """A critic's scores."""
    return lambda draw: {name: draw.floats(*draw.shapes.scores) for name in names}


def margin(draw: Draw) -> Tensor:
    """Margins of OFD, one for each channel."""
    return -draw.floats(draw.shapes.features[1]).abs()


def frozen_convolution(features: Tensor) -> nn.Module:
    """A layer of a trained head, for these features."""
    width = features.shape[1]
    return nn.Conv2d(width, width, 3, padding=1).to(features.device).requires_grad_(False)


def masks(draw: Draw) -> Tensor:
    """Six soft masks for each image."""
    batch, _, *grid = draw.shapes.features
    return draw.floats(batch, 6, *grid).sigmoid()


def mgd(draw: Draw) -> Arguments:
    """Maps, and the positions that are blanked out."""
    batch, _, *grid = draw.shapes.features
    return {**draw.pair("features"), "mask": (draw.floats(batch, 1, *grid) > 0.4).float()}


def boxes(draw: Draw) -> Arguments:
    """Maps, and ten boxes in each image."""
    corners = [256 * draw.floats(10, 2).sigmoid() for _ in range(draw.shapes.features[0])]
    boxes = [torch.cat([each, each + 1 + 128 * draw.floats(10, 2).sigmoid()], dim=1) for each in corners]
    return {**draw.pair("features"), "boxes": boxes, "image_size": (512, 512)}


def crd(draw: Draw) -> Arguments:
    """Embeddings, and the other samples that each is told from."""
    index = torch.randperm(draw.shapes.samples, generator=draw.generator).to(draw.device)[: draw.shapes.embeddings[0]]
    drawn = draw.classes(len(index), draw.shapes.negatives, count=draw.shapes.samples)
    return {**draw.pair("embeddings"), "index": index, "contrast_index": torch.cat([index[:, None], drawn], dim=1)}


def stages(draw: Draw) -> Arguments:
    """The stages of a narrow and of a wide network."""
    made = (draw.pyramid(draw.shapes.stages, widening=2, narrow=narrow) for narrow in (4, 1))
    return dict(zip(("student", "teacher"), made, strict=True))


def _small_logits(draw: Draw) -> tuple[int, int]:
    return draw.shapes.features[0], draw.shapes.logits[1]


def mutual(draw: Draw) -> Arguments:
    """What two students exchange: logits and last maps."""
    logits, maps = _small_logits(draw), draw.pair("features")
    return {
        "student": draw.floats(*logits),
        "peer": draw.floats(*logits),
        "student_features": maps["student"],
        "peer_features": maps["teacher"],
        "target": draw.classes(logits[0], count=logits[1]),
    }


def self_reflection(draw: Draw) -> Arguments:
    """Logits and stages of a student and its teacher."""
    logits, maps = _small_logits(draw), stages(draw)
    return {
        "student": draw.floats(*logits),
        "teacher": draw.floats(*logits),
        "student_stages": maps["student"],
        "teacher_stages": maps["teacher"],
        "target": draw.classes(logits[0], count=logits[1]),
    }


def uskd(draw: Draw) -> Arguments:
    """What a student that teaches itself has."""
    labels = with_labels(draw)
    return {"student": labels["student"], "features": draw.floats(*draw.shapes.embeddings), "target": labels["target"]}
