"""Losses on pairs of frames of a video."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import loss_function
from common.losses.checks import check_shape
from common.losses.chunks import automatic_chunk, sum_over_rows
from common.losses.structure import unit_vectors
from common.registry import LOSSES
from tasks.seg.temporal.warping import FORMS, occlusion_weight, warp

SPACES = ("logits", "probabilities")
OCCLUSION = (*FORMS, "none")


@loss_function(resize=False)
def temporal_loss(
    logits_t: Tensor,
    logits_k: Tensor,
    flow: Tensor,
    image_t: Tensor,
    image_k: Tensor,
    space: str = "logits",
    occlusion: str = "signed",
    valid: Tensor | None = None,
) -> Tensor:
    r"""Temporal loss of ETC [0]: a frame's scores against its neighbour's, warped to it along the flow.

    .. math:: \frac{1}{B C H W} \sum_{b,c,p} V_b(p)^2 \big(z^t_{bc}(p) - z^k_{bc}(p + f_b(p))\big)^2

    with V of `occlusion_weight`, which the authors' code multiplies both maps by, so that it enters squared. Gradients
    flow through both frames' scores, and not through flow and images. A frame that is its own neighbour, with a flow of
    0, gives 0.

    Scores are brought to the size of the flow before anything else, bilinearly with aligned corners: about five maps
    of ``B C H W`` numbers are held at once.

    Args:
        logits_t: the student's scores of frame t, shape ``(B, C, h, w)``, of any size.
        logits_k: those of the neighbour k, same shape.
        flow: from t to k, (u right, v down) in pixels of the images, shape ``(B, 2, H, W)``.
        image_t: frame t as the network sees it, shape ``(B, 3, H, W)``, or of another number of channels.
        image_k: frame k, same shape.
        space: what is compared: ``'logits'``, as the authors do, or ``'probabilities'``, their softmax over classes.
        occlusion: form of `occlusion_weight`, or ``'none'`` to count all pixels alike.
        valid: where the flow is known and leads to what is seen, boolean or integer ``(B, H, W)`` or ``(B, 1, H, W)``;
            other pixels count 0. None takes all, as the authors do.

    Returns:
        Scalar without the weight, 0.1 in the authors' training without a teacher and 0.01 with one.

    Raises:
        ValueError: if shapes or an option do not fit, or the flow is not finite (looked at on the CPU only; elsewhere
            the loss is then NaN).

    >>> still, image = torch.zeros(1, 2, 1, 3), torch.ones(1, 3, 1, 3)
    >>> step = torch.tensor([0.0, 1.0, 1.0]).expand(1, 2, 1, 3)
    >>> temporal_loss(step, step.roll(1, 3), still, image, image)  # 2 of 3 pixels are 1 apart
    tensor(0.6667)
    >>> to_the_right = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand_as(torch.zeros(1, 2, 1, 3))
    >>> temporal_loss(step, torch.tensor([0.0, 0.0, 1.0]).expand(1, 2, 1, 3), to_the_right, image, image)
    tensor(0.)

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020.
    """
    for name, value, known in (("space", space, SPACES), ("occlusion", occlusion, OCCLUSION)):
        if value not in known:
            raise ValueError(f"expected {name} to be one of {known} but found {value!r}")
    sizes = check_shape("logits_t", logits_t, "B C h w")
    check_shape("logits_k", logits_k, "B C h w", sizes)
    grid = check_shape("flow", flow, "B 2 H W", {"B": sizes["B"], "2": 2})
    frame = {axis: grid[axis] for axis in "BHW"}
    colours = check_shape("image_t", image_t, "B C H W", frame)
    check_shape("image_k", image_k, "B C H W", colours)
    if space == "probabilities" and sizes["C"] == 1:
        raise ValueError("expected at least 2 classes to compare probabilities but found 1")

    scores_t, scores_k = (_resized(each, flow.shape[2:]) for each in (logits_t, logits_k))
    if space == "probabilities":
        scores_t, scores_k = scores_t.softmax(dim=1), scores_k.softmax(dim=1)
    flow = flow.detach()
    difference = scores_t - warp(scores_k, flow)
    if occlusion != "none":
        with torch.no_grad():
            visible = occlusion_weight(image_t, warp(image_k, flow), occlusion)
        difference = visible.to(difference.dtype) * difference
    if valid is not None:
        difference = difference * _as_mask(valid, flow)
    return difference.square().mean()


def _resized(scores: Tensor, size: torch.Size) -> Tensor:
    if scores.shape[2:] == size:
        return scores
    return F.interpolate(scores, size, mode="bilinear", align_corners=True)


def _as_mask(valid: Tensor, flow: Tensor) -> Tensor:
    """A mask ``(B, 1, H, W)`` of 0 and 1 on the grid of a flow."""
    mask = valid[:, None] if valid.dim() == 3 else valid
    wanted = (len(flow), 1, *flow.shape[2:])
    if mask.shape != wanted or mask.is_floating_point():
        raise ValueError(
            f"expected boolean or integer valid of shape {wanted} but found {valid.dtype} of {tuple(valid.shape)}"
        )
    return mask != 0


@loss_function()
def pairwise_frame_loss(
    student_t: Tensor,
    student_k: Tensor,
    teacher_t: Tensor,
    teacher_k: Tensor,
    pool: int = 1,
    chunk_size: int | None = None,
) -> Tensor:
    r"""Pairwise-frame dependency of ETC [0]: how alike each cell of a frame is to each cell of its neighbour.

    .. math::
        \frac{1}{B N^2} \sum_b \sum_{i,j=1}^{N} \big(a^s_{bij} - a^t_{bij}\big)^2, \qquad
        a_{ij} = \frac{q_i^\top k_j}{|q_i| \, |k_j|}

    with the features q of frame t and k of its neighbour. The published code divides by :math:`|k_i| \, |q_j|`, the
    transpose of what it builds the products of, which gives no cosines and values some times larger; that form is not
    offered. No flow is needed. With the same frame twice this is ETC's single-frame term on features.

    The N² affinities are never held at once: time grows with N², memory with ``chunk_size`` N. Of maps of 64 x 128,
    N = 8192, the affinities of one pair would take 256 MiB in float32, and with ``pool=2`` 16 MiB.

    Args:
        student_t: features or logits of frame t, shape ``(B, C, H, W)``.
        student_k: those of the neighbour, same shape.
        teacher_t: the teacher's of frame t, shape ``(B, C', H, W)``; no gradient flows into it.
        teacher_k: the teacher's of the neighbour, same shape; no gradient flows into it.
        pool: side of the cells over which features are averaged first; a rest at the border is left out, and a smaller
            map is one cell.
        chunk_size: rows of the affinities that are in memory at once, forward and backward; the value is the same. None
            takes as many as make 2^22 numbers.

    Returns:
        Scalar, 0 where the affinities agree.

    Raises:
        ValueError: if the shapes do not fit each other, or an option is out of its range.

    >>> upright = torch.tensor([[[[1.0]], [[0.0]]]])
    >>> pairwise_frame_loss(upright, upright, upright, upright.flip(1))  # cosines of 1 and 0
    tensor(1.)

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020.
    """
    sizes = check_shape("student_t", student_t, "B C H W")
    check_shape("student_k", student_k, "B C H W", sizes)
    of_teacher = check_shape("teacher_t", teacher_t, "B C' H W", {axis: sizes[axis] for axis in "BHW"})
    check_shape("teacher_k", teacher_k, "B C' H W", of_teacher)
    frames = student_t, student_k, teacher_t.detach(), teacher_k.detach()
    query, key, teacher_query, teacher_key = (cell_directions(each, pool) for each in frames)
    batch, _, cells = query.shape
    rows = automatic_chunk(batch * cells) if chunk_size is None else chunk_size
    error = sum_over_rows(_affinity_error, rows, (query.mT, teacher_query.mT), key, teacher_key)
    return error / (batch * cells**2)


def cell_directions(features: Tensor, pool: int) -> Tensor:
    """Features ``(B, C, H, W)`` averaged over cells of side ``pool`` and scaled to length 1, ``(B, C, N)``."""
    if pool < 1:
        raise ValueError(f"expected pool of at least 1 but found {pool}")
    cell = [min(pool, side) for side in features.shape[2:]]
    return unit_vectors(F.avg_pool2d(features, cell).flatten(2), dim=1)


def _affinity_error(query: Tensor, teacher_query: Tensor, key: Tensor, teacher_key: Tensor) -> Tensor:
    return (query @ key - teacher_query @ teacher_key).square().sum()


@LOSSES.register_module()
class TemporalLoss(nn.Module):
    """Module over `temporal_loss`, named as losses of a `Distiller` are: ``student_other`` is the neighbour's.

    >>> loss = dict(
    ...     type="TemporalLoss",
    ...     student="logits",
    ...     student_other="logits@next",
    ...     flow="flow_next",
    ...     image="image",
    ...     image_other="image@next",
    ...     valid="gt.valid_next",  # may be left out
    ...     weight=0.1,
    ... )

    Args:
        space: see `temporal_loss`.
        occlusion: see `temporal_loss`.

    Raises:
        ValueError: for an unknown option.
    """

    adapter, resize, levels = temporal_loss.adapter, temporal_loss.resize, temporal_loss.levels

    def __init__(self, space: str = "logits", occlusion: str = "signed"):
        super().__init__()
        for name, value, known in (("space", space, SPACES), ("occlusion", occlusion, OCCLUSION)):
            if value not in known:
                raise ValueError(f"expected {name} to be one of {known} but found {value!r}")
        self.space, self.occlusion = space, occlusion

    def forward(
        self,
        student: Tensor,
        student_other: Tensor,
        flow: Tensor,
        image: Tensor,
        image_other: Tensor,
        valid: Tensor | None = None,
    ) -> Tensor:
        """The loss of `temporal_loss` between two frames, a scalar."""
        return temporal_loss(student, student_other, flow, image, image_other, self.space, self.occlusion, valid)

    def extra_repr(self) -> str:
        return f"space={self.space}, occlusion={self.occlusion}"


@LOSSES.register_module()
class PairwiseFrameLoss(nn.Module):
    """Module over `pairwise_frame_loss`; ``student_other`` and ``teacher_other`` are of the neighbour.

    >>> loss = dict(
    ...     type="PairwiseFrameLoss",
    ...     student="logits",
    ...     student_other="logits@next",
    ...     teacher="logits",
    ...     teacher_other="logits@next",
    ...     pool=2,
    ...     weight=0.1,
    ... )

    Args:
        pool: see `pairwise_frame_loss`.
        chunk_size: see `pairwise_frame_loss`.
    """

    adapter, resize, levels = pairwise_frame_loss.adapter, pairwise_frame_loss.resize, pairwise_frame_loss.levels

    def __init__(self, pool: int = 1, chunk_size: int | None = None):
        super().__init__()
        self.pool, self.chunk_size = pool, chunk_size

    def forward(self, student: Tensor, student_other: Tensor, teacher: Tensor, teacher_other: Tensor) -> Tensor:
        """The loss of `pairwise_frame_loss` between two frames, a scalar."""
        return pairwise_frame_loss(student, student_other, teacher, teacher_other, self.pool, self.chunk_size)

    def extra_repr(self) -> str:
        return f"pool={self.pool}"
