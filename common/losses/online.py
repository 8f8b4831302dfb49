"""Networks that teach each other, or themselves, while they train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.losses.base import FunctionLoss, ShapedLoss, full_precision, loss_function
from common.losses.channel import cwd_loss
from common.losses.checks import check_labels, check_normalised, check_shape, check_temperature, drop_channel_axis
from common.losses.logits import kd_loss
from common.losses.review import as_levels

REVIEWS = ("final", "next")


@loss_function(resize=False)
def dml_loss(student: Tensor, peers: Tensor | Sequence[Tensor], temperature: float = 1.0) -> Tensor:
    r"""Deep mutual learning [0]: what one of several networks that train together learns from the others.

    .. math:: \sum_{k} \frac{T^2}{N} \sum_n \mathrm{KL}\big(\sigma_c(p^{(k)}_n/T) \,\|\, \sigma_c(s_n/T)\big)

    over the peers k. Every network has this beside its cross-entropy, in the student's place with the others for
    peers. Of one peer it is `kd_loss` at temperature 1. The sum over peers is the authors' code's; the paper divides
    by their number, which a weight of 1 / (K - 1) does. KD_Lib's takes the mean squared error of scores and lets
    gradients into the peers.

    Args:
        student: logits, shape ``(N, C)`` or ``(N, C, *)``.
        peers: logits of one peer, same shape, or a list of several; no gradient flows into them.
        temperature: softmax temperature T over the classes; 1 in the paper.

    Returns:
        Scalar, 0 where all agree up to a constant per position.

    Raises:
        ValueError: if the shapes differ, there are no peers or fewer than 2 classes, or the temperature is not
            above 0.

    >>> import torch
    >>> peer = torch.tensor([[0.0, 3.0]]).log1p()
    >>> dml_loss(torch.zeros(1, 2), [peer, peer])
    tensor(0.3855)

    [0] Zhang et al., Deep Mutual Learning, CVPR 2018.
    """
    peers = [peers] if isinstance(peers, Tensor) else list(peers)
    if not peers:
        raise ValueError("expected logits of at least 1 peer but found none")
    return torch.stack([kd_loss(student, peer, temperature=temperature) for peer in peers]).sum()


class DMLLoss(FunctionLoss, function=dml_loss):
    """Module over `dml_loss`; ``forward(student, peers)``."""


class FFLLoss(ShapedLoss):
    r"""Feature fusion learning [0]: two networks, and a classifier on their fused features, teach each other.

    With the scores z1 and z2 of the two, f of the fusion and e = (z1 + z2) / 2, all over the temperature T,

    .. math::
        \mathrm{CE}(f, y) + T^2 \big[ \mathrm{KL}(f \| z_1) + \mathrm{KL}(f \| z_2) + \mathrm{KL}(e \| f) \big],

    means over the samples, with no gradient into the left side of a KL. It is one term for both networks: gradients
    flow into the scores and features of student and peer alike. Their own cross-entropies are not in it. The authors
    raise the weight of the three divergences over the first 80 epochs as exp(-5 (1 - t/80)²), which is left to the
    weights, and train the fusion by an optimiser of its own (weight decay 1e-5). Their code adds 1e-7 to the
    probabilities on the left side, which is left out here.

    The fusion is theirs: features side by side, a depthwise 3x3 and a 1x1 convolution, each with batch
    normalisation and ReLU, mean over the positions, and a linear layer. Theirs are two like branches; for unlike ones
    it is our choice to bring the coarser features to the finer grid, bilinearly, and to fuse to the wider of both.
    All of it is computed in float32 under autocast.

    Args:
        student_channels: channels of the student's features; from the shapes by default, as the two next ones.
        peer_channels: channels of the peer's features.
        num_classes: number of classes.
        temperature: T; the authors' by default.

    [0] Kim et al., Feature Fusion for Online Mutual Knowledge Distillation, ICPR 2020.
    """

    resize = False

    def __init__(
        self,
        student_channels: int | None = None,
        peer_channels: int | None = None,
        num_classes: int | None = None,
        temperature: float = 3.0,
    ):
        check_temperature(temperature)
        super().__init__(student_channels=student_channels, peer_channels=peer_channels, num_classes=num_classes)
        self.temperature = temperature

    def widths(self, **shapes: Size) -> dict[str, int]:
        """Channels and classes from the shapes."""
        return {
            "student_channels": shapes["student_features"][1],
            "peer_channels": shapes["peer_features"][1],
            "num_classes": shapes["student"][1],
        }

    def make_layers(self, student_channels: int, peer_channels: int, num_classes: int) -> None:
        """Make the fusion."""
        both, fused = student_channels + peer_channels, max(student_channels, peer_channels)
        self.fusion = nn.Sequential(
            nn.Conv2d(both, both, 3, padding=1, groups=both, bias=False),
            nn.BatchNorm2d(both),
            nn.ReLU(),
            nn.Conv2d(both, fused, 1, bias=False),
            nn.BatchNorm2d(fused),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(fused, num_classes),
        )
        for layer in self.fusion:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @full_precision
    def forward(
        self,
        student: Tensor,
        peer: Tensor,
        student_features: Tensor,
        peer_features: Tensor,
        target: Tensor,
    ) -> dict[str, Tensor]:
        """The parts ``loss_fused_ce``, ``loss_to_student``, ``loss_to_peer`` and ``loss_to_fused``.

        Args:
            student: logits, shape ``(N, C)``.
            peer: same shape.
            student_features: shape ``(N, C1, H, W)``.
            peer_features: shape ``(N, C2, *, *)``.
            target: integer classes, shape ``(N,)``.

        Raises:
            RuntimeError: if there are no layers yet.
            ValueError: if shapes do not fit, or a single position is to be normalised in training.
        """
        self.check_built()
        sizes = check_shape("student logits", student, "N C")
        check_shape("peer logits", peer, "N C", sizes)
        target = _check_target(target, sizes)
        fused = self.fused_logits(student_features, peer_features)
        check_shape("fused logits", fused, "N C", sizes)
        mean = (student + peer) / 2
        return {
            "loss_fused_ce": F.cross_entropy(fused, target),
            "loss_to_student": kd_loss(student, fused, self.temperature),
            "loss_to_peer": kd_loss(peer, fused, self.temperature),
            "loss_to_fused": kd_loss(fused, mean, self.temperature),
        }

    def fused_logits(self, student_features: Tensor, peer_features: Tensor) -> Tensor:
        """The fusion's class scores ``(N, C)``, which are also the answer of the two together."""
        sizes = check_shape("student features", student_features, "N C1 H W")
        check_shape("peer features", peer_features, "N C2 H2 W2", {"N": sizes["N"]})
        grid = max(student_features.shape[2:], peer_features.shape[2:], key=lambda shape: shape.numel())
        if self.training:
            check_normalised(sizes["N"], grid.numel(), "of the fused map")
        return self.fusion(torch.cat([_resized(student_features, grid), _resized(peer_features, grid)], dim=1))

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


class SelfReflectionLoss(ShapedLoss):
    r"""Multi-target distillation with a student that reviews itself (MTKD-SSR) [0]; a reconstruction.

    Only the abstract could be read: three mechanisms work at each stage of the student, of which one passes on the
    teacher's channel features, one its responses, and one lets the student learn after each stage by distilling its
    own responses. No code was found, and nothing here claims the paper's numbers. With stages l = 1..L, the student's
    features F_l, a linear classifier on their mean over positions that gives h_l, the student's scores s, the
    teacher's t and its features G_l:

    .. math::
        \text{channel} &= \tfrac{1}{L} \sum_l \mathrm{CWD}(A_l F_l, G_l) \\
        \text{response} &= \tfrac{1}{L + 1} \big[ \mathrm{KD}(s, t) + \sum_l \mathrm{KD}(h_l, t) \big] \\
        \text{review} &= \tfrac{1}{L} \sum_l \mathrm{KD}(h_l, s) \\
        \text{label} &= \tfrac{1}{L} \sum_l \mathrm{CE}(h_l, y)

    Ours are: the classifiers, for scores of a stage need some; the teacher's final scores as the target of every
    stage; `cwd_loss` for the channels, after a 1x1 convolution A where channels differ, on the student's grid; the
    student's final scores, without a gradient, as what is reviewed (``review='next'`` takes those of the stage
    after); the means over stages; and every default. All of it is computed in float32 under autocast.

    Args:
        student_channels: channels of the student's stages; from the shapes by default, as the two next ones.
        teacher_channels: channels of the teacher's stages; not wanted with ``channel_weight=0``.
        num_classes: number of classes.
        channel_weight: weight of the channel distillation; 0 leaves a term out, here and below.
        response_weight: weight of the response distillation.
        review_weight: weight of the review.
        label_weight: weight of the classifiers' cross-entropy.
        temperature: of the responses and the review.
        channel_temperature: of the channels.
        review: ``'final'`` or ``'next'``.

    [0] Gou et al., Multi-target Knowledge Distillation via Student Self-reflection, IJCV 2023.
    """

    resize = False
    levels = "all"

    def __init__(
        self,
        student_channels: Sequence[int] | None = None,
        teacher_channels: Sequence[int] | None = None,
        num_classes: int | None = None,
        channel_weight: float = 1.0,
        response_weight: float = 1.0,
        review_weight: float = 1.0,
        label_weight: float = 1.0,
        temperature: float = 4.0,
        channel_temperature: float = 1.0,
        review: str = "final",
    ):
        check_temperature(temperature)
        check_temperature(channel_temperature)
        if review not in REVIEWS:
            raise ValueError(f"expected review to be one of {', '.join(REVIEWS)} but found {review!r}")
        widths: dict[str, Any] = {"student_channels": student_channels, "num_classes": num_classes}
        if channel_weight:
            widths["teacher_channels"] = teacher_channels
        super().__init__(**widths)
        self.channel_weight, self.response_weight = channel_weight, response_weight
        self.review_weight, self.label_weight = review_weight, label_weight
        self.temperature, self.channel_temperature, self.review = temperature, channel_temperature, review

    def widths(self, **shapes: Any) -> dict[str, Any]:
        """Channels and classes from the shapes."""
        found = {
            "student_channels": [shape[1] for shape in as_levels(shapes["student_stages"])],
            "num_classes": shapes["student"][1],
        }
        if self.channel_weight:
            if shapes.get("teacher_stages") is None:
                raise ValueError("expected teacher_stages for the channel distillation but found none")
            found["teacher_channels"] = [shape[1] for shape in as_levels(shapes["teacher_stages"])]
        return found

    def make_layers(
        self, student_channels: Sequence[int], num_classes: int, teacher_channels: Sequence[int] | None = None
    ) -> None:
        """Make a classifier for each stage, and projections to the teacher's channels where they differ."""
        self.classifiers = nn.ModuleList(nn.Linear(channels, num_classes) for channels in student_channels)
        if teacher_channels is None:
            return
        if len(teacher_channels) != len(student_channels):
            raise ValueError(
                f"expected {len(student_channels)} stages of the teacher but found {len(teacher_channels)}"
            )
        self.projections = nn.ModuleList(
            nn.Identity() if own == wanted else nn.Conv2d(own, wanted, 1)
            for own, wanted in zip(student_channels, teacher_channels, strict=True)
        )

    @full_precision
    def forward(
        self,
        student: Tensor,
        teacher: Tensor,
        student_stages: Tensor | Sequence[Tensor],
        teacher_stages: Tensor | Sequence[Tensor] | None = None,
        target: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The weighted parts ``loss_channel``, ``loss_response``, ``loss_review`` and ``loss_label``.

        Args:
            student: logits, shape ``(N, C)``.
            teacher: same shape; no gradient flows into them.
            student_stages: features of each stage from shallow to deep, each of shape ``(N, C_l, H_l, W_l)``; those
                of a single stage need no list.
            teacher_stages: the teacher's, of any grids; wanted unless ``channel_weight=0``.
            target: integer classes, shape ``(N,)``; wanted unless ``label_weight=0``.

        Raises:
            RuntimeError: if there are no layers yet.
            ValueError: if shapes do not fit, or what a term needs is not given.
        """
        self.check_built()
        sizes = check_shape("student logits", student, "N C")
        check_shape("teacher logits", teacher, "N C", sizes)
        student_stages = as_levels(student_stages)
        self._check_stages("student", student_stages, sizes["N"])
        scores = [
            classifier(features.mean(dim=(2, 3)))
            for classifier, features in zip(self.classifiers, student_stages, strict=True)
        ]
        parts = {}
        if self.channel_weight:
            parts["loss_channel"] = self.channel_weight * self._channel(student_stages, teacher_stages)
        if self.response_weight:
            each = [kd_loss(own, teacher, self.temperature) for own in [*scores, student]]
            parts["loss_response"] = self.response_weight * _mean(each)
        if self.review_weight:
            reviewed = [student] * len(scores) if self.review == "final" else [*scores[1:], student]
            each = [kd_loss(own, later, self.temperature) for own, later in zip(scores, reviewed, strict=True)]
            parts["loss_review"] = self.review_weight * _mean(each)
        if self.label_weight:
            if target is None:
                raise ValueError("expected a target for the stages' classifiers but found none; or set label_weight=0")
            target = _check_target(target, sizes)
            parts["loss_label"] = self.label_weight * _mean([F.cross_entropy(own, target) for own in scores])
        return parts

    def _channel(self, student_stages: list[Tensor], teacher_stages: Tensor | Sequence[Tensor] | None) -> Tensor:
        if teacher_stages is None:
            raise ValueError("expected teacher_stages for the channel distillation but found none")
        teacher_stages = as_levels(teacher_stages)
        self._check_stages("teacher", teacher_stages, len(student_stages[0]))
        each = []
        for projection, own, wanted in zip(self.projections, student_stages, teacher_stages, strict=True):
            projected = projection(own)
            each.append(cwd_loss(projected, _resized(wanted, projected.shape[2:]), self.channel_temperature))
        return _mean(each)

    def _check_stages(self, owner: str, stages: Sequence[Tensor], batch: int) -> None:
        if len(stages) != len(self.classifiers):
            raise ValueError(f"expected {len(self.classifiers)} stages of the {owner} but found {len(stages)}")
        for stage, features in enumerate(stages, start=1):
            check_shape(f"{owner} stage {stage}", features, "N C H W", {"N": batch})

    def extra_repr(self) -> str:
        names = ("channel_weight", "response_weight", "review_weight", "label_weight")
        names += ("temperature", "channel_temperature", "review")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


def _check_target(target: Tensor, sizes: dict[str, int]) -> Tensor:
    target = drop_channel_axis(target, spatial=0)
    if len(target) != sizes["N"]:
        raise ValueError(f"expected {sizes['N']} labels as target but found {len(target)}")
    check_labels(target, sizes["C"])
    return target.long()


def _resized(features: Tensor, grid: Size) -> Tensor:
    if features.shape[2:] == grid:
        return features
    return F.interpolate(features, size=grid, mode="bilinear", align_corners=False)


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()
