"""Distillation of how the samples of a batch lie to each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_shape
from common.losses.chunks import automatic_chunk, sum_over_rows
from common.losses.structure import unit_vectors

DIRECTION_EPS = 1e-12  # points nearer than this have no direction to each other
SQUARED_DISTANCE_EPS = 1e-12


@loss_function(resize=False)
def sp_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Similarity-preserving distillation [0]: match which samples of a batch are active alike.

    .. math::
        \frac{1}{N^2} \big\| \tilde{G}_T - \tilde{G}_S \big\|_F^2, \qquad
        G = Q Q^\top, \quad \tilde{G}_{i} = G_{i} / \|G_{i}\|_2

    with one flattened sample in each row of Q, and each row i of G divided by its norm.

    Args:
        student: activations, shape ``(N, …)``.
        teacher: shape ``(N, …)``; channels and grid may differ from the student's. No gradient flows into it.

    Returns:
        Scalar, 0 where the two agree up to a factor, and for a batch of one.

    Raises:
        ValueError: if the batches differ.

    torchdistill divides the rows by their L1 norm, which gives smaller values. The row of a sample of zeros stays 0 and
    gives no gradient, where that of the authors' code is up to 1e12.

    >>> import torch
    >>> sp_loss(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0], [1.0]]))
    tensor(0.2929)

    [0] Tung and Mori, Similarity-Preserving Knowledge Distillation, ICCV 2019.
    """
    student, teacher = _rows(student, teacher)
    similarity = [unit_vectors(rows @ rows.T, dim=1) for rows in (student, teacher)]
    return (similarity[1] - similarity[0]).square().mean()


@loss_function(resize=False)
def rkd_distance_loss(student: Tensor, teacher: Tensor, l2_normalize: bool = False) -> Tensor:
    r"""Distance-wise relational distillation [0]: match the distances between samples, relative to their mean.

    .. math::
        \frac{1}{N^2} \sum_{i,j} l_\delta\big(\psi_D(s_i, s_j),\, \psi_D(t_i, t_j)\big), \qquad
        \psi_D(x_i, x_j) = \frac{\|x_i - x_j\|_2}{\mu}

    with the Huber loss l of threshold 1 and the mean μ of the distances between two samples, which carries gradient.

    Args:
        student: embeddings, shape ``(N, …)``, flattened behind the batch.
        teacher: shape ``(N, …)``; its width may differ. No gradient flows into it.
        l2_normalize: scale each embedding to length 1 first. The authors' code, RepDistiller and mdistiller do
            not; mmrazor does unless told otherwise.

    Returns:
        Scalar without the weight (25 in the authors' code), 0 where the two agree up to translation, rotation and
        scale, and for two samples.

    Raises:
        ValueError: if the batches differ or hold fewer than 2 samples.

    Samples that coincide count with the distance 1e-6, as in the authors' code, and give no gradient. A sample of zeros
    has no direction to be normalised to: it stays where it is, without a gradient.

    >>> import torch
    >>> rkd_distance_loss(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [3.0]]))
    tensor(0.0139)

    [0] Park et al., Relational Knowledge Distillation, CVPR 2019.
    """
    student, teacher = _embeddings(student, teacher, l2_normalize)
    return F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher))


def _relative_distances(points: Tensor) -> Tensor:
    count = len(points)
    # The squares below cancel badly in float32 where the points lie far from the origin; distances do not mind.
    points = points - points.mean(dim=0)
    squares = points.square().sum(dim=1)
    squared = squares[:, None] + squares[None, :] - 2 * points @ points.T
    distances = squared.clamp(min=SQUARED_DISTANCE_EPS).sqrt()
    distances = distances * (1 - torch.eye(count, dtype=points.dtype, device=points.device))
    return distances / (distances.sum() / (count * (count - 1)))


@loss_function(resize=False)
def rkd_angle_loss(
    student: Tensor, teacher: Tensor, l2_normalize: bool = False, chunk_size: int | None = None
) -> Tensor:
    r"""Angle-wise relational distillation [0]: match the angles that samples make, seen from each sample.

    .. math::
        \frac{1}{N^3} \sum_{i,j,k} l_\delta\big(\psi_A(s_i, s_j, s_k),\, \psi_A(t_i, t_j, t_k)\big), \qquad
        \psi_A(x_i, x_j, x_k) = \langle e^{ij}, e^{ik} \rangle, \quad
        e^{ij} = \frac{x_j - x_i}{\|x_j - x_i\|_2}

    with the Huber loss l of threshold 1. The angles are computed for a chunk of the vertices i at a time, with their
    gradient, so that all N³ of them are never held.

    Args:
        student: embeddings, shape ``(N, …)``, flattened behind the batch.
        teacher: shape ``(N, …)``; its width may differ. No gradient flows into it.
        l2_normalize: scale each embedding to length 1 first. The authors' code, RepDistiller and mdistiller do
            not; mmrazor does unless told otherwise.
        chunk_size: vertices i at a time; the value does not depend on it. None takes as many as need tensors of
            2²² elements (16 MiB in float32).

    Returns:
        Scalar without the weight (50 in the authors' code), 0 where the two agree up to translation, rotation and
        scale, and for two samples.

    Raises:
        ValueError: if the batches differ or hold fewer than 2 samples, or the chunk size is below 1.

    Samples that coincide have no direction to each other: e is 0 there, as in the authors' code, and gives no
    gradient, where theirs is up to 1e12. So it is with samples of zeros that are to be normalised.

    >>> import torch
    >>> line = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> rkd_angle_loss(line, torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    tensor(0.1296)

    [0] Park et al., Relational Knowledge Distillation, CVPR 2019.
    """
    student, teacher = _embeddings(student, teacher, l2_normalize)
    count = len(student)
    rows = automatic_chunk(count * max(count, student.shape[1], teacher.shape[1])) if chunk_size is None else chunk_size
    return sum_over_rows(_angle_differences, rows, (student, teacher), student, teacher) / count**3


def _angle_differences(vertices: Tensor, teacher_vertices: Tensor, student: Tensor, teacher: Tensor) -> Tensor:
    """Sum of the Huber losses of all angles at some of the samples."""
    cosines = []
    for corners, points in ((vertices, student), (teacher_vertices, teacher)):
        edges = points[None, :] - corners[:, None]
        lengths = torch.linalg.vector_norm(edges, dim=2, keepdim=True)
        directions = edges / lengths.masked_fill(lengths < DIRECTION_EPS, float("inf"))
        cosines.append(directions @ directions.transpose(1, 2))
    return F.smooth_l1_loss(*cosines, reduction="sum")


def _rows(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    sizes = check_shape("student", student, "N C *")
    check_shape("teacher", teacher, "N C *", {"N": sizes["N"]})
    return student.flatten(1), teacher.detach().flatten(1)


def _embeddings(student: Tensor, teacher: Tensor, l2_normalize: bool) -> tuple[Tensor, Tensor]:
    student, teacher = _rows(student, teacher)
    if len(student) < 2:
        raise ValueError(f"expected at least 2 samples, for relations between them, but found {len(student)}")
    if l2_normalize:
        student, teacher = unit_vectors(student, dim=1), unit_vectors(teacher, dim=1)
    return student, teacher


class SPLoss(FunctionLoss, function=sp_loss):
    """Module over `sp_loss`; ``forward(student, teacher)``."""


class RKDDistanceLoss(FunctionLoss, function=rkd_distance_loss):
    """Module over `rkd_distance_loss`; ``forward(student, teacher)``."""


class RKDAngleLoss(FunctionLoss, function=rkd_angle_loss):
    """Module over `rkd_angle_loss`; ``forward(student, teacher)``."""
