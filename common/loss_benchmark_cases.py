"""What each loss of `common.losses` is timed on, and beside what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import common.losses
from common import loss_peers as peers
from common.loss_peers import Arguments, Peer, of_torch, of_torchdistill

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


def _margin(draw: Draw) -> Tensor:
    return -draw.floats(draw.shapes.features[1]).abs()


def _masks(draw: Draw) -> Tensor:
    batch, _, *grid = draw.shapes.features
    return draw.floats(batch, 6, *grid).sigmoid()


def _mgd(draw: Draw) -> Arguments:
    batch, _, *grid = draw.shapes.features
    return {**draw.pair("features"), "mask": (draw.floats(batch, 1, *grid) > 0.4).float()}


def _boxes(draw: Draw) -> Arguments:
    corners = [256 * draw.floats(10, 2).sigmoid() for _ in range(draw.shapes.features[0])]
    boxes = [torch.cat([each, each + 1 + 128 * draw.floats(10, 2).sigmoid()], dim=1) for each in corners]
    return {**draw.pair("features"), "boxes": boxes, "image_size": (512, 512)}


def _crd(draw: Draw) -> Arguments:
    index = torch.randperm(draw.shapes.samples, generator=draw.generator).to(draw.device)[: draw.shapes.embeddings[0]]
    drawn = draw.classes(len(index), draw.shapes.negatives, count=draw.shapes.samples)
    return {**draw.pair("embeddings"), "index": index, "contrast_index": torch.cat([index[:, None], drawn], dim=1)}


def _stages(draw: Draw) -> Arguments:
    made = (draw.pyramid(draw.shapes.stages, widening=2, narrow=narrow) for narrow in (4, 1))
    return dict(zip(("student", "teacher"), made, strict=True))


def _small_logits(draw: Draw) -> tuple[int, int]:
    return draw.shapes.features[0], draw.shapes.logits[1]


def _mutual(draw: Draw) -> Arguments:
    logits, maps = _small_logits(draw), draw.pair("features")
    return {
        "student": draw.floats(*logits),
        "peer": draw.floats(*logits),
        "student_features": maps["student"],
        "peer_features": maps["teacher"],
        "target": draw.classes(logits[0], count=logits[1]),
    }


def _self_reflection(draw: Draw) -> Arguments:
    logits, stages = _small_logits(draw), _stages(draw)
    return {
        "student": draw.floats(*logits),
        "teacher": draw.floats(*logits),
        "student_stages": stages["student"],
        "teacher_stages": stages["teacher"],
        "target": draw.classes(logits[0], count=logits[1]),
    }


def _uskd(draw: Draw) -> Arguments:
    labels = with_labels(draw)
    return {"student": labels["student"], "features": draw.floats(*draw.shapes.embeddings), "target": labels["target"]}


@dataclass(frozen=True)
class Case:
    """One loss at one shape.

    Attributes:
        loss: its name in `common.losses`.
        on: which of the `Shapes` it is called with, as the table shows it.
        arguments: makes the arguments of a call.
        options: hyperparameters of the call, or of the module, in which a function of the arguments gives a value.
        students: arguments with gradients.
        peers: other implementations by name.
        note: what the figures do not say.
    """

    loss: str
    on: str
    arguments: Callable[[Draw], Arguments]
    options: Mapping[str, Any] = field(default_factory=dict)
    students: tuple[str, ...] = ("student",)
    peers: Mapping[str, Peer] = field(default_factory=dict)
    note: str = ""

    @property
    def name(self) -> str:
        """The loss, with the hyperparameters that are not its defaults."""
        told = ", ".join(f"{key}={value}" for key, value in self.options.items() if not callable(value))
        return f"{self.loss}({told})" if told else self.loss

    def built(self, arguments: Arguments, device: str = "cpu") -> Callable:
        """What is called, with layers for these arguments."""
        options = {key: value(arguments) if callable(value) else value for key, value in self.options.items()}
        loss = getattr(common.losses, self.loss)
        if isinstance(loss, type) and issubclass(loss, nn.Module):
            torch.manual_seed(0)
            return loss(**options).to(device)
        return lambda **tensors: loss(**tensors, **options)


def width(name: str) -> Callable[[Arguments], Any]:
    """Channels of an argument, or of each of its levels."""

    def of(arguments: Arguments) -> Any:
        value = arguments[name]
        return [each.shape[1] for each in value] if isinstance(value, list) else value.shape[1]

    return of


FEATURES, LOGITS = pair("features"), pair("logits")
NO_PEER = "no installable peer found"
CONVOLUTIONS = "nearly all of it is the convolutions of its learned layers"
ADVERSARIAL = "tens of microseconds: what is above torch's line is the look at shapes and precision"

CASES: tuple[Case, ...] = (
    Case(
        "kd_loss",
        "logits",
        LOGITS,
        peers={
            "torch": of_torch(peers.kl, temperature=4.0),
            "torchdistill": of_torchdistill(
                "KDLoss", peers.outputs, 16.0, **peers.LOGIT_PATHS, temperature=4.0, beta=1.0
            ),
        },
        note="torch's line is also the one in timm's LogitDistillationTask",
    ),
    Case("kd_loss", "dense", pair("dense"), peers={"torch": of_torch(peers.kl, temperature=4.0, positions=(2, 3))}),
    Case(
        "lskd_loss",
        "logits",
        LOGITS,
        peers={
            "torchdistill": of_torchdistill(
                "LogitStdKDLoss", peers.outputs, 4.0, **peers.LOGIT_PATHS, temperature=2.0, beta=1.0
            )
        },
    ),
    Case("wsld_loss", "logits", with_labels, peers={"torch": of_torch(peers.weighted_soft_labels)}),
    Case("dkd_loss", "logits", with_labels, peers={"torch": of_torch(peers.decoupled)}),
    Case("pixel_dkd_loss", "dense", with_label_map("dense"), peers={"torch": of_torch(peers.pixel_decoupled)}),
    Case("nkd_loss", "logits", with_labels, peers={"torch": of_torch(peers.normalised)}),
    Case(
        "USKDLoss",
        "logits",
        _uskd,
        {"channels": width("features"), "num_classes": width("student")},
        students=("student", "features"),
        note=NO_PEER,
    ),
    *(
        Case(
            "dist_loss",
            on,
            pair(on),
            peers={"torchdistill": of_torchdistill("DISTLoss", peers.outputs, **peers.LOGIT_PATHS)} if told else {},
        )
        for on, told in (("logits", True), ("dense", False))
    ),
    Case(
        "dml_loss",
        "logits",
        lambda draw: {"student": draw.floats(*draw.shapes.logits), "peers": [draw.floats(*draw.shapes.logits)] * 3},
        peers={"torch": of_torch(peers.mutual_kl)},
        note="three peers",
    ),
    Case("ld_loss", "bins", pair("bins"), peers={"mmdet": Peer(peers.bin_kl)}),
    Case("cwd_loss", "dense", pair("dense"), peers={"torch": of_torch(peers.channel_kl)}),
    Case("cwd_loss", "features", FEATURES, peers={"torch": of_torch(peers.channel_kl)}),
    Case("bpkd_loss", "dense", with_label_map("dense", "label_stride"), note="labels of four times the side"),
    Case(
        "fitnet_loss",
        "features",
        FEATURES,
        peers={"torch": of_torch(lambda student, teacher: F.mse_loss(student, teacher))},
    ),
    Case(
        "at_loss",
        "features",
        FEATURES,
        peers={"torchdistill": of_torchdistill("ATLoss", peers.outputs, at_pairs=peers.PAIR)},
    ),
    Case(
        "sp_loss",
        "features",
        FEATURES,
        peers={
            "torchdistill": of_torchdistill("SPKDLoss", peers.outputs, None, **peers.OUTPUT_PATHS, reduction="mean")
        },
        note="torchdistill divides by another norm",
    ),
    Case("pkd_loss", "features", FEATURES, peers={"torch": of_torch(peers.pearson)}),
    Case(
        "ofd_loss",
        "features",
        lambda draw: {**draw.pair("features"), "margin": _margin(draw)},
        peers={"torch": of_torch(peers.partial_l2)},
    ),
    Case(
        "OFDLoss",
        "features",
        FEATURES,
        {"margin": lambda arguments: torch.linspace(-1, 0, arguments["teacher"].shape[1])},
        peers={"torch": Peer(peers.partial_l2_of_module)},
    ),
    Case(
        "hcl_loss",
        "pyramid",
        lambda draw: {name: draw.pyramid(draw.shapes.levels) for name in ("student", "teacher")},
        peers={"torchdistill": of_torchdistill("HierarchicalContextLoss", peers.levels, **peers.LOGIT_PATHS)},
    ),
    Case(
        "ReviewKDLoss",
        "stages",
        _stages,
        {"student_channels": width("student"), "teacher_channels": width("teacher")},
        note=CONVOLUTIONS,
    ),
    Case(
        "VIDLoss",
        "features",
        FEATURES,
        {"student_channels": width("student"), "teacher_channels": width("teacher")},
        peers={"torchdistill": of_torchdistill("VIDLoss", peers.likelihood, feature_pairs=peers.PAIR)},
        note=CONVOLUTIONS,
    ),
    Case(
        "MGDLoss",
        "features",
        _mgd,
        {"channels": width("teacher")},
        peers={"torch": Peer(peers.generated)},
        note=CONVOLUTIONS,
    ),
    Case("FGDLoss", "features", _boxes, {"channels": width("teacher")}, note=f"10 boxes an image; {NO_PEER}"),
    Case(
        "masked_feature_loss",
        "features",
        lambda draw: {**draw.pair("features"), "masks": _masks(draw)},
        peers={"torch": of_torch(peers.masked_maps)},
    ),
    Case("MasKDLoss", "features", FEATURES, {"channels": width("teacher")}, note=f"with the masks; {NO_PEER}"),
    Case("dice_diversity_loss", "features", lambda draw: {"masks": _masks(draw)}, students=("masks",), note=NO_PEER),
    Case("wavelet_loss", "features", FEATURES, peers={"torch": of_torch(peers.haar_bands)}),
    *(
        Case(
            "skd_pairwise_loss",
            "features",
            FEATURES,
            options,
            peers={"torch": of_torch(peers.cell_affinities, **options)},
        )
        for options in ({}, {"kernel": 2})
    ),
    Case("ifvd_loss", "features", with_label_map("features"), peers={"torch": of_torch(peers.class_variation)}),
    Case(
        "cirkd_minibatch_loss", "features", FEATURES, {"pool": 4}, peers={"torch": of_torch(peers.image_pairs, pool=4)}
    ),
    Case(
        "cirkd_minibatch_loss",
        "features",
        FEATURES,
        note="the pairs of images kept for the backward pass, as in the authors' code, would take 17 GiB and more",
    ),
    Case(
        "CIRKDMemory",
        "features",
        with_label_map("features"),
        {"num_classes": 19, "student_channels": width("student"), "teacher_channels": width("teacher")},
        note=NO_PEER,
    ),
    *(
        Case(
            f"rkd_{name}_loss",
            "embeddings",
            pair("embeddings"),
            peers={
                "torchdistill": of_torchdistill(
                    "RKDLoss",
                    peers.outputs,
                    **peers.OUTPUT_PATHS,
                    dist_factor=float(name == "distance"),
                    angle_factor=float(name == "angle"),
                    reduction="mean",
                )
            },
        )
        for name in ("distance", "angle")
    ),
    Case(
        "CRDLoss",
        "embeddings",
        _crd,
        {
            "student_features": width("student"),
            "teacher_features": width("teacher"),
            "num_samples": lambda arguments: int(arguments["contrast_index"].max()) + 1,
            "num_negatives": lambda arguments: arguments["contrast_index"].shape[1] - 1,
        },
        peers={"torchdistill": Peer(peers.noise_contrast)},
        note="16384 negatives out of a memory of 50000",
    ),
    Case("triplet_distillation_loss", "embeddings", embeddings(), peers={"torch": of_torch(peers.hardest_triplets)}),
    Case("pair_distillation_loss", "embeddings", embeddings(), peers={"torch": of_torch(peers.contrastive_pairs)}),
    Case(
        "amkd_loss",
        "embeddings",
        embeddings(("labels", "negative_labels"), negatives=True),
        peers={"torch": of_torch(peers.hardest_triplets)},
    ),
    Case(
        "FFLLoss",
        "features",
        _mutual,
        {
            "student_channels": width("student_features"),
            "peer_channels": width("peer_features"),
            "num_classes": width("student"),
        },
        students=("student", "peer", "student_features", "peer_features"),
        note=CONVOLUTIONS,
    ),
    Case(
        "SelfReflectionLoss",
        "stages",
        _self_reflection,
        {
            "student_channels": width("student_stages"),
            "teacher_channels": width("teacher_stages"),
            "num_classes": width("student"),
        },
        students=("student", "student_stages"),
        note=CONVOLUTIONS,
    ),
    *(
        Case(
            f"{form}_{part}_loss",
            "scores",
            scores(*names),
            students=names,
            peers={"torch": of_torch(value)},
            note=ADVERSARIAL,
        )
        for form, part, names, value in peers.ADVERSARIAL
    ),
)
