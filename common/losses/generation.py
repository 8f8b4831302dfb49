"""Distillation by generating the teacher's feature from a part of the student's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Size, Tensor, nn

from common.losses.base import ShapedLoss, full_precision
from common.losses.checks import check_shape

KINDS = ("spatial", "channel")


def keep_mask(uniform: Tensor, mask_ratio: float, kind: str = "spatial") -> Tensor:
    r"""Mask of MGD from uniform draws u: 1 where :math:`u \le 1 - \lambda` (spatial), :math:`u \ge \lambda` (channel).

    Both keep a share of :math:`1 - \lambda`; the authors' code for detection and segmentation has the first, the one
    for classification the second.
    """
    return (uniform <= 1 - mask_ratio if kind == "spatial" else uniform >= mask_ratio).to(uniform.dtype)


class MGDLoss(ShapedLoss):
    r"""Masked generative distillation [0]: generate the teacher's map from a randomly masked one of the student.

    .. math:: \frac{\alpha}{B} \sum_{b,c,h,w} \big(t - G(m \odot s)\big)^2, \qquad
        G = \mathrm{conv}_{3 \times 3} \circ \mathrm{ReLU} \circ \mathrm{conv}_{3 \times 3}

    The squares are summed over channels and positions, not averaged. Where the student's channels differ from the
    teacher's, the authors put a 1x1 convolution in front, before the mask; it is the adapter of the trainers here.

    Args:
        channels: channels of the teacher's map; None takes them from the shapes.
        alpha: factor :math:`\alpha`; the authors take 2e-5 for RetinaNet and segmentation, 5e-7 for Faster R-CNN and
            7e-5 for classification.
        mask_ratio: the share :math:`\lambda` that is masked; the authors take 0.65 for RetinaNet, 0.45 for Faster
            R-CNN, 0.75 for segmentation and 0.15 for classification.
        kind: ``'spatial'`` masks positions, in all channels alike; ``'channel'`` masks whole channels (the authors'
            form for classification).

    Raises:
        ValueError: if the shapes differ or are not the ones that the layers were made for, the ratio is not within
            0..1, or the kind is unknown.
        RuntimeError: if it is called before it has layers.

    [0] Yang et al., Masked Generative Distillation, ECCV 2022.
    """

    adapter = "auto"

    def __init__(
        self, channels: int | None = None, alpha: float = 2e-5, mask_ratio: float = 0.65, kind: str = "spatial"
    ):
        if kind not in KINDS:
            raise ValueError(f"expected kind to be one of {KINDS} but found {kind!r}")
        if not 0 <= mask_ratio <= 1:
            raise ValueError(f"expected mask_ratio within 0..1 but found {mask_ratio}")
        super().__init__(channels=channels)
        self.alpha, self.mask_ratio, self.kind = alpha, mask_ratio, kind

    def widths(self, student: Size, teacher: Size) -> Mapping[str, Any]:
        return {"channels": teacher[1]}

    def make_layers(self, channels: int) -> None:
        self.channels = channels
        self.generation = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    @full_precision
    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss of maps ``(B, C, H, W)``; no gradient flows into the teacher's.

        Args:
            student: map with the teacher's channels.
            teacher: map.
            mask: what is kept, ``(B, 1, H, W)`` or ``(B, C, 1, 1)`` by the kind; None draws one.
        """
        self.check_built()
        sizes = check_shape("student map", student, "B C H W", {"C": self.channels})
        check_shape("teacher map", teacher, "B C H W", sizes)
        axes = {"C": 1} if self.kind == "spatial" else {"H": 1, "W": 1}
        if mask is None:
            shape = [size if axis not in axes else 1 for axis, size in sizes.items()]
            mask = keep_mask(torch.rand(shape, device=student.device, dtype=student.dtype), self.mask_ratio, self.kind)
        check_shape("mask", mask, "B C H W", {**sizes, **axes})
        generated = self.generation(student * mask)
        return self.alpha * (generated - teacher.detach()).square().sum() / sizes["B"]

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, mask_ratio={self.mask_ratio}, kind={self.kind!r}"
