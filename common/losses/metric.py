"""Metric learning between a student's and a teacher's embeddings, and samples near the teacher's decision boundary."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import FunctionLoss, loss_function
from common.losses.checks import check_labels, check_shape, drop_channel_axis
from common.losses.structure import unit_vectors

DISTANCES = ("sqeuclidean", "euclidean", "cosine")
MINING = ("hard", "all")
NEGATIVES = ("teacher", "student")
POSITIVES = ("sample", "class")


@loss_function(adapter="auto", resize=False)
def triplet_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    margin: float = 1.0,
    mining: str = "hard",
    distance: str = "sqeuclidean",
    negatives: str = "teacher",
) -> Tensor:
    r"""Bring each student's embedding nearer to its teacher's than that of any other class is, by a margin.

    .. math:: \frac{1}{|V|} \sum_{i \in V} \max\big(0,\; d(s_i, t_i) - \min_{y_j \ne y_i} d(s_i, t_j) + m\big)

    over the samples V for which the batch holds another class; with ``mining='all'`` the mean over every pair (i, j)
    of different classes in place of the nearest. With ``negatives='student'`` the teacher's embedding is the anchor
    of the triplet and the student's embeddings of other classes are what it is held against, :math:`d(t_i, s_j)`: the
    form of [0], whose code draws one random j for each i and takes the Euclidean distance of class scores, a margin
    of 5 and a weight of 2. The other defaults are ours.

    Args:
        student: embeddings, shape ``(N, D)``.
        teacher: same shape; no gradient flows into them.
        labels: integer classes, shape ``(N,)``.
        margin: m, in units of the distance. Where the teacher's own classes are nearer than it, a student is driven
            past its teacher, and with squared distances without a pull back.
        mining: ``'hard'``: the nearest negative of each sample; ``'all'``: every one.
        distance: ``'sqeuclidean'``, ``'euclidean'`` or ``'cosine'`` (1 minus the cosine).
        negatives: whose embeddings of other classes are to be farther: ``'teacher'`` or ``'student'``.

    Returns:
        Scalar, 0 where all are apart by the margin or the batch is of one class.

    Raises:
        ValueError: if shapes differ, labels are not integers or an option is unknown.

    >>> import torch
    >>> student, teacher = torch.tensor([[0.5], [2.0]]), torch.tensor([[0.0], [2.0]])
    >>> triplet_distillation_loss(student, teacher, torch.tensor([0, 1]), margin=3.0)
    tensor(0.5000)

    [0] Oki et al., Triplet Loss for Knowledge Distillation, IJCNN 2020.
    """
    _check_option("negatives", negatives, NEGATIVES)
    labels = _check_embeddings(student, teacher, labels)
    between = _distances(student, teacher.detach(), distance)
    return _triplets(
        positive=between.diagonal(),
        negative=between if negatives == "teacher" else between.T,
        differs=labels[:, None] != labels[None],
        margin=margin,
        mining=mining,
    )


@loss_function(adapter="auto", resize=False)
def pair_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    margin: float = 1.0,
    positives: str = "sample",
    distance: str = "euclidean",
) -> Tensor:
    r"""Contrastive loss [0] on pairs of a student's and a teacher's embedding.

    .. math::
        \frac{1}{2 |P|} \sum_{(i, j) \in P} d(s_i, t_j)^2
        + \frac{1}{2 |Q|} \sum_{y_i \ne y_j} \max\big(0,\; m - d(s_i, t_j)\big)^2

    where P are the pairs of one sample, or of one class, and Q those of different classes. Each kind is averaged by
    itself, for there are about N times as many of the second.

    Args:
        student: embeddings, shape ``(N, D)``.
        teacher: same shape; no gradient flows into them.
        labels: integer classes, shape ``(N,)``.
        margin: m, the distance beyond which different classes do not matter.
        positives: ``'sample'``: a sample's own teacher; ``'class'``: the teacher's of every sample of its class.
        distance: ``'euclidean'``, ``'sqeuclidean'`` or ``'cosine'`` (1 minus the cosine).

    Returns:
        Scalar, 0 where each student is at its teacher and other classes are beyond the margin.

    Raises:
        ValueError: if shapes differ, labels are not integers or an option is unknown.

    >>> import torch
    >>> student, teacher = torch.tensor([[0.5], [2.0]]), torch.tensor([[0.0], [2.0]])
    >>> pair_distillation_loss(student, teacher, torch.tensor([0, 1]), margin=2.0)
    tensor(0.1250)

    [0] Hadsell, Chopra and LeCun, Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006.
    """
    _check_option("positives", positives, POSITIVES)
    labels = _check_embeddings(student, teacher, labels)
    between = _distances(student, teacher.detach(), distance)
    differs = labels[:, None] != labels[None]
    same = ~differs if positives == "class" else torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return 0.5 * (_mean_where(same, between.square()) + _mean_where(differs, F.relu(margin - between).square()))


@loss_function(adapter="auto", resize=False)
def amkd_loss(
    student: Tensor,
    teacher: Tensor,
    labels: Tensor,
    negatives: Tensor,
    negative_labels: Tensor,
    boundary_labels: Tensor | None = None,
    margin: float = 1.0,
    mining: str = "hard",
    distance: str = "sqeuclidean",
) -> Tensor:
    r"""Triplets on samples moved to the teacher's decision boundary [0]; a reconstruction.

    .. math::
        \frac{1}{|V|} \sum_{i \in V} \max\big(0,\; d(s(\hat x_i), t(\hat x_i))
        - \min_{j} d(s(\hat x_i), t(x_j)) + m\big), \qquad y_j \notin \{y_i, k_i\}

    Of [0] only the abstract is known: samples near the boundary of two classes, found by an adversarial attack, are
    held at a distance from samples of negative classes by a triplet loss, in place of the soft labels of its
    predecessor [1], whose attack is `boundary_examples`. Ours are: that the teacher's embedding of the same moved
    sample is the positive one, that the negatives are the teacher's embeddings of samples as they are, that the class
    on the other side may be left out, and every default.

    Args:
        student: embeddings of the moved samples, shape ``(N, D)``.
        teacher: the teacher's of the same, same shape; no gradient flows into them.
        labels: the classes that they were moved from, shape ``(N,)``.
        negatives: the teacher's embeddings of samples as they are, shape ``(M, D)``; no gradient flows into them.
        negative_labels: their classes, shape ``(M,)``.
        boundary_labels: the classes that samples were moved towards, shape ``(N,)``; None takes these for negative
            classes too.
        margin: m, in units of the distance.
        mining: ``'hard'``: the nearest negative of each sample; ``'all'``: every one.
        distance: ``'sqeuclidean'``, ``'euclidean'`` or ``'cosine'`` (1 minus the cosine).

    Returns:
        Scalar, 0 where no sample has a negative.

    Raises:
        ValueError: if shapes differ, labels are not integers or an option is unknown.

    >>> import torch
    >>> amkd_loss(torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([0]), torch.tensor([[2.0], [1.5]]),
    ...           torch.tensor([1, 2]), margin=0.5)
    tensor(1.2500)

    [0] Adversarial Metric Knowledge Distillation (AMKD).
    [1] Heo et al., Knowledge Distillation with Adversarial Samples Supporting Decision Boundary, AAAI 2019.
    """
    labels = _check_embeddings(student, teacher, labels)
    check_shape("negative embeddings", negatives, "M D", {"D": student.shape[1]})
    negative_labels = _check_label_count("negative_labels", negative_labels, len(negatives))
    differs = labels[:, None] != negative_labels[None]
    if boundary_labels is not None:
        boundary_labels = _check_label_count("boundary_labels", boundary_labels, len(student))
        differs = differs & (boundary_labels[:, None] != negative_labels[None])
    return _triplets(
        positive=_distances(student, teacher.detach(), distance).diagonal(),
        negative=_distances(student, negatives.detach(), distance),
        differs=differs,
        margin=margin,
        mining=mining,
    )


def adversarial_examples(
    model: nn.Module,
    images: Tensor,
    objective: Callable[[Tensor], Tensor],
    epsilon: float,
    steps: int = 1,
    step_size: float | None = None,
    bounds: tuple[float | Tensor, float | Tensor] | None = (0.0, 1.0),
    random_start: bool = False,
) -> Tensor:
    r"""Images moved so that an objective of the model's output grows: FGSM [0], or PGD [1] with several steps.

    .. math:: x \leftarrow \Pi_{\|x - x_0\|_\infty \le \epsilon}\big(x + \alpha\, \mathrm{sign}\, \nabla_x J(x)\big)

    The model answers in eval mode; its modes, statistics and gradients are left as they were.

    Args:
        model: the attacked network.
        images: shape ``(B, *)``.
        objective: makes a scalar of the model's output, such as a metric loss against the teacher's embeddings.
        epsilon: the largest change of an element, in the images' units.
        steps: 1 for FGSM.
        step_size: alpha; by default ``epsilon`` for one step and ``2.5 epsilon / steps`` for more, as PGD's authors.
        bounds: smallest and largest value of an image, for normalised images as tensors per channel; None leaves
            them free.
        random_start: start at random in the allowed box.

    Returns:
        Images of the same shape, without a gradient.

    Raises:
        ValueError: for a negative epsilon, no steps, or images that are empty or not floating-point.

    [0] Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015.
    [1] Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018.
    """
    check_shape("images", images, "B *")
    if epsilon < 0 or steps < 1:
        raise ValueError(f"expected epsilon of 0 or more and 1 step or more but found {epsilon} and {steps}")
    if step_size is None:
        step_size = epsilon if steps == 1 else 2.5 * epsilon / steps
    images = images.detach()
    moved = images.clone()
    if random_start:
        moved = _clamp(moved + torch.empty_like(moved).uniform_(-epsilon, epsilon), bounds)
    with _answering(model):
        for _ in range(steps):
            moved.requires_grad_()
            (gradient,) = torch.autograd.grad(objective(model(moved)), moved)
            moved = moved.detach() + step_size * gradient.sign()
            moved = _clamp(images + (moved - images).clamp(-epsilon, epsilon), bounds)
    return moved


def boundary_examples(
    model: nn.Module,
    images: Tensor,
    towards: Tensor,
    steps: int = 10,
    step_size: float = 0.3,
    bounds: tuple[float | Tensor, float | Tensor] | None = (-2.5, 2.5),
) -> Tensor:
    r"""Images moved just over the model's boundary to another class: boundary supporting samples [0].

    .. math::
        x \leftarrow x + \eta\, (z_b - z_k + 10^{-4})\, \frac{\nabla_x (z_k - z_b)}{\|\nabla_x (z_k - z_b)\|_2}

    for class scores z, the class b that the model gives the image at first and the class k wanted. A sample stops
    when the model no longer gives it b, so it may end in a third class. The authors' attack, with their numbers; an
    image without a gradient stays where it is.

    Args:
        model: the network whose boundary is sought, usually the teacher; gives class scores ``(B, C)``.
        images: shape ``(B, *)``.
        towards: the class k of each, shape ``(B,)``. The authors draw it by the teacher's probabilities of the
            classes other than the first, and attack only samples that teacher and student classify rightly.
        steps: the most steps.
        step_size: eta.
        bounds: smallest and largest value of an image; the authors' are for CIFAR-10 of unit variance.

    Returns:
        Images of the same shape, without a gradient.

    Raises:
        ValueError: if images are empty or not floating-point, or classes do not fit the scores.

    [0] Heo et al., Knowledge Distillation with Adversarial Samples Supporting Decision Boundary, AAAI 2019.
    """
    check_shape("images", images, "B *")
    towards = _check_label_count("towards", towards, len(images))[:, None]
    moved = images.detach().clone()
    base = None
    with _answering(model):
        for _ in range(steps):
            moved.requires_grad_()
            scores = model(moved)
            found = scores.argmax(dim=1, keepdim=True)
            if base is None:
                check_labels(towards, scores.shape[1])
                base = found
            gap = (scores.gather(1, base) - scores.gather(1, towards)).squeeze(1)
            (gradient,) = torch.autograd.grad(-gap.sum(), moved)
            norm = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
            length = step_size * (gap.detach() + 1e-4) * (found == base).squeeze(1) / norm.clamp(min=1e-12)
            moved = _clamp(moved.detach() + length.view(-1, *[1] * (images.dim() - 1)) * gradient, bounds)
    return moved


@contextlib.contextmanager
def _answering(model: nn.Module) -> Iterator[None]:
    """The model in eval mode with gradients on; each of its modules back in its mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def _clamp(images: Tensor, bounds: tuple[float | Tensor, float | Tensor] | None) -> Tensor:
    if bounds is None:
        return images
    low, high = (torch.as_tensor(bound, dtype=images.dtype, device=images.device) for bound in bounds)
    return images.clamp(low, high)


def _check_embeddings(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    sizes = check_shape("student embeddings", student, "N D")
    check_shape("teacher embeddings", teacher, "N D", sizes)
    return _check_label_count("labels", labels, len(student))


def _check_label_count(name: str, labels: Tensor, count: int) -> Tensor:
    labels = drop_channel_axis(labels, spatial=0)
    if len(labels) != count:
        raise ValueError(f"expected {count} {name} but found {len(labels)}")
    return labels.long()


def _check_option(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"expected {name} to be one of {', '.join(known)} but found {value!r}")


def _distances(rows: Tensor, columns: Tensor, distance: str) -> Tensor:
    """Distance of each of N embeddings to each of M, shape ``(N, M)``."""
    _check_option("distance", distance, DISTANCES)
    if distance == "cosine":
        return 1 - unit_vectors(rows, dim=1) @ unit_vectors(columns, dim=1).T
    # By differences: squares expanded into products lose the small distances that matter here.
    euclidean = torch.cdist(rows, columns, compute_mode="donot_use_mm_for_euclid_dist")
    return euclidean if distance == "euclidean" else euclidean.square()


def _triplets(positive: Tensor, negative: Tensor, differs: Tensor, margin: float, mining: str) -> Tensor:
    """Hinges of N distances to be small against ``(N, M)`` to be large where ``differs``."""
    _check_option("mining", mining, MINING)
    if mining == "all":
        return _mean_where(differs, F.relu(positive[:, None] - negative + margin))
    nearest = negative.masked_fill(~differs, torch.inf).amin(dim=1)
    return _mean_where(differs.any(dim=1), F.relu(positive - nearest + margin))


def _mean_where(chosen: Tensor, values: Tensor) -> Tensor:
    """Mean of the chosen values; 0, with a gradient of 0, where there are none."""
    return values.masked_fill(~chosen, 0.0).sum() / chosen.sum().clamp(min=1)


class TripletDistillationLoss(FunctionLoss, function=triplet_distillation_loss):
    """Module over `triplet_distillation_loss`; ``forward(student, teacher, labels)``."""


class PairDistillationLoss(FunctionLoss, function=pair_distillation_loss):
    """Module over `pair_distillation_loss`; ``forward(student, teacher, labels)``."""


class AMKDLoss(FunctionLoss, function=amkd_loss):
    """Module over `amkd_loss`, whose tensors ``forward`` takes."""
