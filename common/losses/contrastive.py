"""Contrastive distillation of representations against a memory of the training set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.losses.base import ShapedLoss, full_precision
from common.losses.checks import check_shape
from common.losses.distributed import copy_first_rank, is_distributed, of_all_ranks


class CRDLoss(ShapedLoss):
    r"""Contrastive representation distillation [0]: tell the teacher's view of a sample from those of K others.

    Student and teacher features are embedded by a linear layer each and scaled to length 1: :math:`v^s, v^t`. Two
    memories hold such embeddings of all n training samples. For a sample i with drawn negatives :math:`j_1 … j_K`,

    .. math:: -\log \frac{P_i}{P_i + K/n + \varepsilon} - \sum_{k=1}^{K} \log \frac{K/n}{P_{j_k} + K/n + \varepsilon},
        \qquad P_j = \frac{1}{Z^s} \exp(\langle u^t_j, v^s \rangle / T)

    with the teacher's memory :math:`u^t`, plus the same with the roles changed, averaged over the batch. The constants
    :math:`Z^s, Z^t` are n times the mean exponential of the first batch; they stay as they are from then on, are saved
    in the state dict, and carry no gradient. After each call in training mode the memory entries of the batch move:
    :math:`u_i \leftarrow (\mu u_i + (1 - \mu) v_i) / \|\cdot\|`. In evaluation mode nothing is kept.

    The negatives are drawn uniformly over all samples with repetition, as in the authors' code when no indices come
    with the data; the sample itself may be among them. On the labelled sets of the paper the authors draw from the
    other classes: give ``contrast_index`` for that. The logarithms are taken without forming P, so that no
    temperature overflows. mmrazor ignores the weight of this loss. Under distributed training every process starts from
    the first one's memories and moves the entries of all processes' batches, which must be of one size; the constants
    are those of the first batches together.

    Args:
        num_samples: number n of training samples; each memory holds ``n * feat_dim`` numbers.
        student_features: features of the student; None takes them from the shapes.
        teacher_features: features of the teacher, likewise.
        feat_dim: length of the embeddings.
        num_negatives: negatives K for each sample.
        temperature: T.
        momentum: :math:`\mu`, how much of a memory entry stays.
        eps: in the denominators. All defaults are the authors'.

    Raises:
        ValueError: if shapes or indices do not fit, or a number is out of its range.
        RuntimeError: if it is called before it has layers.

    [0] Tian, Krishnan and Isola, Contrastive Representation Distillation, ICLR 2020.
    """

    adapter, resize = None, False

    def __init__(
        self,
        num_samples: int,
        student_features: int | None = None,
        teacher_features: int | None = None,
        feat_dim: int = 128,
        num_negatives: int = 16384,
        temperature: float = 0.07,
        momentum: float = 0.5,
        eps: float = 1e-7,
    ):
        for name, number in (("num_samples", num_samples), ("num_negatives", num_negatives), ("feat_dim", feat_dim)):
            if number < 1:
                raise ValueError(f"expected {name} of at least 1 but found {number}")
        if not temperature > 0 or not 0 <= momentum <= 1:
            raise ValueError(
                f"expected a temperature above 0 and a momentum within 0..1 but found {temperature} and {momentum}"
            )
        self.feat_dim = feat_dim
        super().__init__(student_features=student_features, teacher_features=teacher_features)
        self.num_negatives, self.temperature, self.momentum, self.eps = num_negatives, temperature, momentum, eps
        bound = math.sqrt(3 / feat_dim)  # uniform numbers with an expected length of 1
        self.register_buffer("student_memory", torch.empty(num_samples, feat_dim).uniform_(-bound, bound))
        self.register_buffer("teacher_memory", torch.empty(num_samples, feat_dim).uniform_(-bound, bound))
        self.register_buffer("log_z", torch.zeros(2))  # of the student's and of the teacher's scores
        self.register_buffer("has_z", torch.tensor(False))
        self._is_shared = False

    def widths(self, student: Size, teacher: Size) -> Mapping[str, Any]:
        return {"student_features": math.prod(student[1:]), "teacher_features": math.prod(teacher[1:])}

    def make_layers(self, student_features: int, teacher_features: int) -> None:
        self.embed_student = nn.Linear(student_features, self.feat_dim)
        self.embed_teacher = nn.Linear(teacher_features, self.feat_dim)

    @full_precision
    def forward(self, student: Tensor, teacher: Tensor, index: Tensor, contrast_index: Tensor | None = None) -> Tensor:
        """The loss of a batch; no gradient flows into the teacher's features, but its embedding learns.

        Args:
            student: features, shape ``(B, *)``; maps are flattened.
            teacher: features, shape ``(B, *)`` with its own width.
            index: which training samples these are, integers ``(B,)``.
            contrast_index: memory entries to compare with, integers ``(B, 1 + K)`` whose first column is ``index``;
                None draws the others.
        """
        self.check_built()
        student, teacher = (each.flatten(1) if each.dim() > 2 else each for each in (student, teacher))
        sizes = check_shape("student features", student, "B D", {"D": self.embed_student.in_features})
        expected = {"B": sizes["B"], "D": self.embed_teacher.in_features}
        check_shape("teacher features", teacher, "B D", expected)
        return self.contrast(
            F.normalize(self.embed_student(student)),
            F.normalize(self.embed_teacher(teacher.detach())),
            index,
            contrast_index,
        )

    def contrast(self, student: Tensor, teacher: Tensor, index: Tensor, contrast_index: Tensor | None) -> Tensor:
        """The loss of embeddings ``(B, feat_dim)`` of length 1, with gradients into both."""
        contrast_index = self._contrast_index(len(student), index, contrast_index).to(student.device, torch.long)
        if self.training and not self._is_shared:
            copy_first_rank(self.student_memory, self.teacher_memory)  # DDP may leave buffers as each process drew them
            self._is_shared = True
        student_scores = _similarity(student, self.teacher_memory, contrast_index) / self.temperature
        teacher_scores = _similarity(teacher, self.student_memory, contrast_index) / self.temperature
        fresh = torch.stack([self._log_z_of(student_scores), self._log_z_of(teacher_scores)])
        if self.training and is_distributed():
            [every] = of_all_ranks(fresh[None])
            fresh = every.logsumexp(0) - math.log(len(every))
        log_z = torch.where(self.has_z, self.log_z, fresh)
        loss = self._discriminate(student_scores - log_z[0]) + self._discriminate(teacher_scores - log_z[1])
        if self.training:
            with torch.no_grad():
                self.log_z.copy_(log_z)
                self.has_z.fill_(True)
                index, student, teacher = of_all_ranks(contrast_index[:, 0], student, teacher)
                self._move(self.student_memory, student, index)
                self._move(self.teacher_memory, teacher, index)
        return loss

    def _log_z_of(self, scores: Tensor) -> Tensor:
        mean = scores.detach().flatten().logsumexp(0) - math.log(scores.numel())
        return mean + math.log(len(self.student_memory))

    def _discriminate(self, log_p: Tensor) -> Tensor:
        share = self.num_negatives / len(self.student_memory)
        offset = math.log(share + self.eps)
        positive = F.logsigmoid(log_p[:, 0] - offset)
        negative = F.logsigmoid(offset - log_p[:, 1:]) + (math.log(share) - offset)
        return -(positive.sum() + negative.sum()) / len(log_p)

    def _move(self, memory: Tensor, embedding: Tensor, index: Tensor) -> None:
        # Of a sample that comes twice the last one counts, on all devices and so in all processes alike.
        place = torch.arange(len(index), device=index.device)
        last = place.new_zeros(len(memory)).scatter_reduce(0, index, place, "amax")[index]
        moved = self.momentum * memory[index] + (1 - self.momentum) * embedding[last]
        memory.index_copy_(0, index, F.normalize(moved).to(memory.dtype))

    def _contrast_index(self, batch: int, index: Tensor, contrast_index: Tensor | None) -> Tensor:
        """Indices ``(B, 1 + K)`` with the samples themselves in front, drawn where none are given."""
        samples = len(self.student_memory)
        _check_index("index", index, (batch,), samples)
        if contrast_index is None:
            drawn = torch.randint(samples, (batch, self.num_negatives), device=index.device)
            return torch.cat((index[:, None], drawn), dim=1)
        _check_index("contrast_index", contrast_index, (batch, 1 + self.num_negatives), samples)
        on_cpu = index.device.type == "cpu" and not torch.compiler.is_compiling()
        if on_cpu and not torch.equal(contrast_index[:, 0], index):
            raise ValueError(
                f"expected index as the first column of contrast_index but found {contrast_index[:, 0].tolist()} for "
                f"{index.tolist()}"
            )
        return contrast_index

    def extra_repr(self) -> str:
        return (
            f"num_samples={len(self.student_memory)}, feat_dim={self.feat_dim}, num_negatives={self.num_negatives}, "
            f"temperature={self.temperature}, momentum={self.momentum}, eps={self.eps}"
        )


def _similarity(embedding: Tensor, memory: Tensor, index: Tensor) -> Tensor:
    """Inner products ``(B, 1 + K)`` of embeddings ``(B, D)`` with the memory's rows at ``index`` ``(B, 1 + K)``.

    The memory is about to be moved, while the gradient needs it as it was: a copy is made, of what is smaller of the
    drawn rows and the whole with all its scores.
    """
    batch, dim = embedding.shape
    if len(memory) * (dim + batch) <= index.numel() * dim:
        return (embedding @ memory.clone().mT).gather(1, index)
    return torch.einsum("bd,bkd->bk", embedding, memory[index])


def _check_index(name: str, index: Tensor, shape: tuple[int, ...], samples: int) -> None:
    """Refuse indices of another shape or kind, and on the CPU, outside of `torch.compile`, those out of range."""
    if index.is_floating_point() or index.dtype == torch.bool or tuple(index.shape) != shape:
        raise ValueError(f"expected {name} of integers of shape {shape} but found {index.dtype} {tuple(index.shape)}")
    if index.device.type == "cpu" and not torch.compiler.is_compiling():
        outside = index[(index < 0) | (index >= samples)]
        if outside.numel():
            raise ValueError(f"expected {name} within 0..{samples - 1} but found {outside.unique().tolist()}")
