"""Losses that must know how mmdet's heads lay out what they predict."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from torch import Tensor, nn

from common.losses import dist_loss, ld_loss
from common.losses.base import full_precision, loss_function
from common.losses.checks import check_shape
from common.registry import LOSSES

Size = Sequence[int]


@LOSSES.register_module()
class LDBoxLoss(nn.Module):
    r"""Localization distillation [0] of GFL's box sides where the detector's own assigner sees an object.

    .. math:: \frac{T^2}{4} \sum_{i \in P} \frac{w_i}{n} \sum_{k=1}^4
        \mathrm{KL}\big(\sigma_n(t_{ik}/T) \,\|\, \sigma_n(s_{ik}/T)\big)

    over the positives P of the batch, with w the highest class probability that the student gives there, held
    constant: the main region of the paper, as mmdetection's ``LDHead`` has it, undivided by the number of positives.
    The paper's valuable region outside of P is not here. The teacher's head is asked what it would assign, which
    depends on anchors and objects alone; so both networks need the same anchors.

    Args:
        temperature: T of the softmax over the bins; the authors' 10, with 0.25 as the loss's weight.
        head: path of the teacher's ``GFLHead``, which the trainers show to `read_teacher`.

    Raises:
        ValueError: for a head that assigns nothing, and shapes that do not fit.
        RuntimeError: if it is called before it was shown the teacher.

    [0] Zheng et al., Localization Distillation for Dense Object Detection, CVPR 2022.
    """

    adapter, resize, levels = None, False, "all"

    def __init__(self, temperature: float = 10.0, head: str = "bbox_head"):
        super().__init__()
        self.temperature, self.teacher_paths = temperature, [head]
        self._assign = None

    def read_teacher(self, modules: Sequence[nn.Module]) -> None:
        """Take the head at ``teacher_paths``."""
        (head,) = modules
        if not hasattr(head, "get_targets") or not hasattr(head, "reg_max"):
            raise ValueError(f"expected a head of GFL at {self.teacher_paths[0]} but found {type(head).__name__}")
        self._assign = _Assigner(head)

    @full_precision
    def forward(
        self,
        student: Sequence[Tensor],
        teacher: Sequence[Tensor],
        scores: Sequence[Tensor],
        objects: Sequence[InstanceData],
        image_size: Sequence[Size],
        padded_size: Sequence[Size],
        ignored: Sequence[InstanceData] | None,
    ) -> Tensor:
        """The loss of maps by level; no gradient flows into the teacher's.

        Args:
            student: logits over the n bins of each side, ``(B, 4 n, H, W)`` by level, behind the head's scales.
            teacher: the same of the teacher.
            scores: the student's class logits, ``(B, C, H, W)`` by level.
            objects: ``bboxes`` in pixels and ``labels`` of each image.
            image_size: height and width of each image before padding.
            padded_size: after it.
            ignored: boxes of each image that count for nothing, or None.
        """
        if self._assign is None:
            raise RuntimeError("LDBoxLoss has no head to assign with: call read_teacher() with the teacher's")
        bins = self._assign.bins
        for own, other, classes in zip(student, teacher, scores, strict=True):
            sizes = check_shape("student sides", own, "B K H W", {"K": 4 * bins})
            check_shape("teacher sides", other, "B K H W", sizes)
            check_shape("student scores", classes, "B C H W", {axis: sizes[axis] for axis in "BHW"})
        positive = self._assign(student, objects, image_size, padded_size, ignored)
        own, other, classes = (torch.cat([_rows(each) for each in maps]) for maps in (student, teacher, scores))
        weights = classes[positive].sigmoid().amax(dim=1).repeat_interleave(4)
        sides = [rows[positive].reshape(-1, bins) for rows in (own, other)]
        return ld_loss(*sides, temperature=self.temperature, weights=weights, avg_factor=4.0)

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}"


class _Assigner:
    """Which positions a head of mmdet, which belongs to another network, takes for objects; copies share the head."""

    def __init__(self, head: nn.Module):
        self.head, self.bins = head, head.reg_max + 1

    def __deepcopy__(self, memo: dict) -> _Assigner:
        return self

    @torch.no_grad()
    def __call__(
        self,
        maps: Sequence[Tensor],
        objects: Sequence[InstanceData],
        image_size: Sequence[Size],
        padded_size: Sequence[Size],
        ignored: Sequence[InstanceData] | None,
    ) -> Tensor:
        """Positions of the maps in a row, level by level and image by image: whether each is a positive."""
        metas = [
            {"img_shape": tuple(size), "pad_shape": tuple(padded)}
            for size, padded in zip(image_size, padded_size, strict=True)
        ]
        grids = [each.shape[2:] for each in maps]
        anchors, valid = self.head.get_anchors(grids, metas, device=maps[0].device)
        labels = self.head.get_targets(anchors, valid, list(objects), metas, ignored)[1]
        found = torch.cat([each.reshape(-1) for each in labels])
        return (found >= 0) & (found < self.head.num_classes)


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


@LOSSES.register_module(name="DenseDISTLoss")
@loss_function(resize=False)
def dense_dist_loss(
    student: Tensor, teacher: Tensor, num_classes: int = 80, beta: float = 1.0, gamma: float = 1.0
) -> Tensor:
    """`dist_loss` of sigmoid scores that a head gives for several anchors at each position.

    Args:
        student: class logits ``(B, A * num_classes, H, W)``, the classes of an anchor side by side, as in RetinaNet.
        teacher: same shape; no gradient flows into it.
        num_classes: that the detector tells apart.
        beta: weight between the classes of an anchor at a position.
        gamma: weight between the anchors and positions of a class.

    Raises:
        ValueError: if the shapes differ, or the channels are not those of whole anchors.
    """
    sizes = check_shape("student scores", student, "B K H W")
    check_shape("teacher scores", teacher, "B K H W", sizes)
    if sizes["K"] % num_classes:
        raise ValueError(f"expected scores of anchors with {num_classes} classes but found {sizes['K']} channels")
    rows = [each.unflatten(1, (-1, num_classes)).flatten(0, 1) for each in (student, teacher)]
    return dist_loss(*rows, beta=beta, gamma=gamma, probabilities="sigmoid")
