"""Distillation of how three frames of a video follow each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import loss_function
from common.losses.checks import check_shape
from common.registry import LOSSES
from tasks.seg.temporal.losses import cell_directions


@LOSSES.register_module()
class MultiFrameLoss(nn.Module):
    r"""Multi-frame dependency of ETC [0]: what a recurrent network makes of three frames, from student and teacher.

    .. math::
        \frac{1}{B D N^2} \big(\|c^s_3 - c^t_3\|^2 + \|h^s_3 - h^t_3\|^2\big), \qquad
        (h_f, c_f) = \mathrm{ConvLSTM}(A_f, h_{f-1}, c_{f-1}), \quad
        A_{f,ij} = \cos(x_{f,i}, x_{f,j})

    Each frame's features are averaged over cells; the cosines A of all pairs of cells, an image of N x N, go into a
    convolutional LSTM of D channels, in the order of time: previous, current, next. Student and teacher share it, and
    their last cell and hidden states are compared.

    Trained along with the student, the LSTM could make the loss 0 by itself, by weights of 0. By default it therefore
    keeps the weights it starts with, a random projection (ours). With ``anchor`` it is trained, and
    :math:`\mathrm{anchor} \cdot \overline{1 - c^t_3}` is added: what one form of the published code returns beside its
    loss, and what keeps the teacher's states large. How [0] trains it is not published.

    Both networks' states take some 30 B D N² numbers each: N is 24 for maps of 64 x 96 with the cells of 16.

    >>> loss = dict(
    ...     type="MultiFrameLoss",
    ...     student_previous="logits@previous",
    ...     student="logits",
    ...     student_next="logits@next",
    ...     teacher_previous="logits@previous",
    ...     teacher="logits",
    ...     teacher_next="logits@next",
    ...     weight=0.1,
    ... )

    Args:
        pool: side of the cells, [0]; a rest at the border is left out, and a smaller map is one cell.
        hidden: channels D of the LSTM; [0].
        kernel: side of its convolution, odd; [0].
        anchor: weight of what keeps a trained LSTM from 0; None does not train it.

    Raises:
        ValueError: for an option out of its range.

    [0] Liu et al., Efficient Semantic Video Segmentation with Per-frame Inference, ECCV 2020.
    """

    adapter, resize, levels = None, True, "each"

    def __init__(self, pool: int = 16, hidden: int = 4, kernel: int = 3, anchor: float | None = None):
        super().__init__()
        for name, value in (("pool", pool), ("hidden", hidden), ("kernel", kernel)):
            if value < 1:
                raise ValueError(f"expected {name} of at least 1 but found {value}")
        if kernel % 2 == 0:
            raise ValueError(f"expected an odd kernel but found {kernel}")
        if anchor is not None and anchor < 0:
            raise ValueError(f"expected an anchor of at least 0 or None but found {anchor}")
        self.pool, self.anchor = pool, anchor
        self.gates = nn.Conv2d(1 + hidden, 4 * hidden, kernel, padding=kernel // 2)
        self.gates.requires_grad_(anchor is not None)

    def forward(
        self,
        student_previous: Tensor,
        student: Tensor,
        student_next: Tensor,
        teacher_previous: Tensor,
        teacher: Tensor,
        teacher_next: Tensor,
    ) -> Tensor:
        """The loss between three frames of each.

        Args:
            student_previous: the student's features of the frame before, shape ``(B, C, H, W)``.
            student: of the current frame, same shape.
            student_next: of the frame after, same shape.
            teacher_previous: the teacher's of the frame before, shape ``(B, C', H, W)``; the teacher's get no gradient.
            teacher: of the current frame, same shape.
            teacher_next: of the frame after, same shape.

        Returns:
            Scalar, 0 where the states agree, with the anchor's term on top.

        Raises:
            ValueError: if the shapes do not fit each other.
        """
        students = student_previous, student, student_next
        teachers = teacher_previous, teacher, teacher_next
        return _multi_frame(students, teachers, self.gates, self.pool, self.anchor or 0.0)

    def extra_repr(self) -> str:
        return f"pool={self.pool}, anchor={self.anchor}"


@loss_function()
def _multi_frame(
    student: Sequence[Tensor], teacher: Sequence[Tensor], gates: nn.Conv2d, pool: int, anchor: float
) -> Tensor:
    sizes = check_shape("student", student[1], "B C H W")
    of_teacher = check_shape("teacher", teacher[1], "B C' H W", {axis: sizes[axis] for axis in "BHW"})
    for place, name in ((0, "previous"), (2, "next")):
        check_shape(f"student_{name}", student[place], "B C H W", sizes)
        check_shape(f"teacher_{name}", teacher[place], "B C' H W", of_teacher)
    states = _last_state(student, gates, pool)
    targets = _last_state([each.detach() for each in teacher], gates, pool)
    loss = sum(F.mse_loss(state, target) for state, target in zip(states, targets, strict=True))
    return loss + anchor * (1 - targets[1]).mean() if anchor else loss


def _last_state(frames: Sequence[Tensor], gates: nn.Conv2d, pool: int) -> tuple[Tensor, Tensor]:
    """Hidden and cell state ``(B, D, N, N)`` after all frames' cosines."""
    hidden = cell = None
    for frame in frames:
        directions = cell_directions(frame, pool).to(gates.weight.dtype)
        cosines = (directions.mT @ directions)[:, None]
        if hidden is None:
            hidden = cell = cosines.new_zeros(len(cosines), gates.out_channels // 4, *cosines.shape[2:])
        let_in, keep, let_out, new = gates(torch.cat([cosines, hidden], dim=1)).chunk(4, dim=1)
        cell = keep.sigmoid() * cell + let_in.sigmoid() * new.tanh()
        hidden = let_out.sigmoid() * cell.tanh()
    return hidden, cell
