"""What each loss of `common.losses` is timed on, and beside what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

import common.losses
from common.loss_benchmark import arguments as calls
from common.loss_benchmark import peers
from common.loss_benchmark.arguments import Draw
from common.loss_benchmark.peers import Arguments, Peer, of_torch, of_torchdistill


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
        note: what the figures do not say; ``{name}`` stands for one of the `Shapes`.
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


FEATURES, LOGITS = calls.pair("features"), calls.pair("logits")
NO_PEER = "no installable peer found"
CONVOLUTIONS = "at full size nearly all of it is the convolutions of its learned layers"
ADVERSARIAL = "tens of microseconds: what is above torch's line is the look at shapes and precision"

CASES: tuple[Case, ...] = (
    Case(
        "kd_loss",
        "logits",
        LOGITS,
        peers={
            "torch": of_torch(peers.kl, temperature=4.0),
            "torchdistill": of_torchdistill("KDLoss", peers.outputs, **peers.LOGIT_PATHS, temperature=4.0, beta=1.0),
        },
        note="torch's line is also the one in timm's LogitDistillationTask",
    ),
    Case(
        "kd_loss", "dense", calls.pair("dense"), peers={"torch": of_torch(peers.kl, temperature=4.0, positions=(2, 3))}
    ),
    Case(
        "lskd_loss",
        "logits",
        LOGITS,
        peers={
            "torchdistill": of_torchdistill(
                "LogitStdKDLoss", peers.outputs, **peers.LOGIT_PATHS, temperature=2.0, beta=1.0
            )
        },
    ),
    Case("wsld_loss", "logits", calls.with_labels, peers={"torch": of_torch(peers.weighted_soft_labels)}),
    Case("dkd_loss", "logits", calls.with_labels, peers={"torch": of_torch(peers.decoupled)}),
    Case("pixel_dkd_loss", "dense", calls.with_label_map("dense"), peers={"torch": of_torch(peers.pixel_decoupled)}),
    Case("fdwa_dkd_loss", "dense", calls.with_features, note=NO_PEER),
    Case("nkd_loss", "logits", calls.with_labels, peers={"torch": of_torch(peers.normalised)}),
    Case(
        "USKDLoss",
        "logits",
        calls.uskd,
        {"channels": width("features"), "num_classes": width("student")},
        students=("student", "features"),
        note=NO_PEER,
    ),
    *(
        Case(
            "dist_loss",
            on,
            calls.pair(on),
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
    Case("ld_loss", "bins", calls.pair("bins"), peers={"mmdet": peers.bin_kl}),
    Case("cwd_loss", "dense", calls.pair("dense"), peers={"torch": of_torch(peers.channel_kl)}),
    Case("cwd_loss", "features", FEATURES, peers={"torch": of_torch(peers.channel_kl)}),
    Case("bpkd_loss", "dense", calls.with_label_map("dense", "label_stride"), note="labels of four times the side"),
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
        peers={"torchdistill": of_torchdistill("SPKDLoss", peers.outputs, **peers.OUTPUT_PATHS, reduction="mean")},
        note="torchdistill divides by another norm",
    ),
    Case("pkd_loss", "features", FEATURES, peers={"torch": of_torch(peers.pearson)}),
    Case(
        "ofd_loss",
        "features",
        lambda draw: {**draw.pair("features"), "margin": calls.margin(draw)},
        peers={"torch": of_torch(peers.partial_l2)},
    ),
    Case(
        "OFDLoss",
        "features",
        FEATURES,
        {"margin": lambda arguments: torch.linspace(-1, 0, arguments["teacher"].shape[1])},
        peers={"torch": peers.partial_l2_of_module},
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
        calls.stages,
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
        calls.mgd,
        {"channels": width("teacher")},
        peers={"torch": peers.generated},
        note=CONVOLUTIONS,
    ),
    Case("ACAMLoss", "features", FEATURES, {"channels": width("teacher")}, note=f"fused attention; {NO_PEER}"),
    Case("FeatureGANLoss", "features", FEATURES, {"channels": width("teacher"), "downsamplings": 3}, note=CONVOLUTIONS),
    Case("LogitGANLoss", "dense", calls.pair("dense"), {"num_classes": width("teacher")}, note=CONVOLUTIONS),
    Case("FGDLoss", "features", calls.boxes, {"channels": width("teacher")}, note=f"10 boxes an image; {NO_PEER}"),
    Case(
        "masked_feature_loss",
        "features",
        lambda draw: {**draw.pair("features"), "masks": calls.masks(draw)},
        peers={"torch": of_torch(peers.masked_maps)},
    ),
    Case(
        "MasKDLoss",
        "features",
        FEATURES,
        {"tokens": lambda arguments: common.losses.ReceptiveTokens(arguments["teacher"].shape[1])},
        note=f"with the masks; {NO_PEER}",
    ),
    Case(
        "dice_diversity_loss", "features", lambda draw: {"masks": calls.masks(draw)}, students=("masks",), note=NO_PEER
    ),
    Case(
        "CrossKDLoss",
        "features",
        lambda draw: {**(maps := draw.pair("features")), "prediction": maps["teacher"]},
        {"rest": lambda arguments: [calls.frozen_convolution(arguments["teacher"])]},
        note=f"one layer of the teacher's head; {NO_PEER}",
    ),
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
    Case("ifvd_loss", "features", calls.with_label_map("features"), peers={"torch": of_torch(peers.class_variation)}),
    Case(
        "cirkd_minibatch_loss", "features", FEATURES, {"pool": 4}, peers={"torch": of_torch(peers.image_pairs, pool=4)}
    ),
    Case(
        "cirkd_minibatch_loss",
        "features",
        FEATURES,
        note="at 8x256x64x64 the pairs that the authors' code keeps for the backward pass would take 17 GiB and more",
    ),
    Case(
        "CIRKDMemory",
        "features",
        calls.with_label_map("features"),
        {"num_classes": 19, "student_channels": width("student"), "teacher_channels": width("teacher")},
        note=NO_PEER,
    ),
    *(
        Case(
            f"rkd_{name}_loss",
            "embeddings",
            calls.pair("embeddings"),
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
        calls.crd,
        {
            "student_features": width("student"),
            "teacher_features": width("teacher"),
            "num_samples": lambda arguments: int(arguments["contrast_index"].max()) + 1,
            "num_negatives": lambda arguments: arguments["contrast_index"].shape[1] - 1,
        },
        peers={"torchdistill": peers.noise_contrast},
        note="{negatives} negatives out of a memory of {samples}",
    ),
    Case(
        "triplet_distillation_loss", "embeddings", calls.embeddings(), peers={"torch": of_torch(peers.hardest_triplets)}
    ),
    Case(
        "pair_distillation_loss", "embeddings", calls.embeddings(), peers={"torch": of_torch(peers.contrastive_pairs)}
    ),
    Case(
        "amkd_loss",
        "embeddings",
        calls.embeddings(("labels", "negative_labels"), negatives=True),
        peers={"torch": of_torch(peers.hardest_triplets)},
    ),
    Case(
        "FFLLoss",
        "features",
        calls.mutual,
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
        calls.self_reflection,
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
            calls.scores(*names),
            students=names,
            peers={"torch": of_torch(value)},
            note=ADVERSARIAL,
        )
        for form, part, names, value in peers.ADVERSARIAL
    ),
)
