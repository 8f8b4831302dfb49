"""Other implementations of the losses, for the benchmark: one line of torch where there is one, torchdistill, mmdet.

Each takes the loss that it stands beside and that loss's arguments, and gives a function of nothing that computes the
value, or None where its library is not installed.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from common import mmcv_ops

Arguments = dict[str, Any]
Value = Callable[[], Tensor]
Peer = Callable[[Callable, Arguments], Value | None]


def of_torch(value: Callable[..., Tensor], **options: Any) -> Peer:
    """A composition of torch's own functions, which takes the arguments of our loss and gives its value."""
    return lambda _loss, arguments: functools.partial(value, **arguments, **options)


def of_torchdistill(name: str, call: Callable[..., Tensor], **options: Any) -> Peer:
    """A loss of torchdistill: ``call(theirs, loss, **arguments)`` with theirs made of the options.

    Its sums and means are its own: the value may be ours times a constant, for the same work.
    """

    def make(loss: Callable, arguments: Arguments) -> Value | None:
        library = installed("torchdistill.losses.mid_level")
        if library is None:
            return None
        theirs = getattr(library, name)(**options)
        return lambda: call(theirs, loss, **arguments)

    return make


def installed(module: str) -> ModuleType | None:
    """The module, or None where it cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def kl(student: Tensor, teacher: Tensor, temperature: float, dim: int = 1, positions: Iterable[int] = ()) -> Tensor:
    """KL divergence over ``dim`` by `F.kl_div`, mean over the batch and the axes ``positions``, times T²."""
    log_q, log_p = F.log_softmax(student / temperature, dim), F.log_softmax(teacher / temperature, dim)
    count = functools.reduce(lambda number, axis: number * student.shape[axis], positions, 1)
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True) * temperature**2 / count


def channel_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence over the positions of each channel."""
    return kl(student.flatten(2), teacher.flatten(2), 1.0, dim=2, positions=(1,))


def mutual_kl(student: Tensor, peers: list[Tensor]) -> Tensor:
    """KL divergence from each peer."""
    return sum(kl(student, peer, 1.0) for peer in peers)


def decoupled(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """DKD from probabilities, the label shut out of the second softmax by 1000."""
    temperature, alpha, beta = 4.0, 1.0, 8.0
    own = F.one_hot(target, student.shape[1]).to(student.dtype)
    scores = [each / temperature for each in (student, teacher)]
    of_label = [(each.softmax(1) * own).sum(1) for each in scores]
    log_q, log_p = (torch.stack([each, 1 - each], dim=1).log() for each in of_label)
    tckd = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    log_q, log_p = (F.log_softmax(each - 1000 * own, 1) for each in scores)
    nckd = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return (alpha * tckd + beta * nckd) * temperature**2


def pixel_decoupled(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """DKD of the labelled pixels, gathered into a matrix."""
    valid = target != 255
    student, teacher = (each.movedim(1, -1)[valid] for each in (student, teacher))
    return decoupled(student, teacher, target[valid])


def normalised(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """NKD at temperature 1 with gamma 1.5, the other classes gathered into a matrix."""
    log_q, p = F.log_softmax(student, 1), F.softmax(teacher, 1)
    label = target[:, None]
    of_target = -(p.gather(1, label) * log_q.gather(1, label)).mean()
    others = ~F.one_hot(target, student.shape[1]).bool()
    log_q, p = log_q[others].view(len(student), -1), p[others].view(len(student), -1)
    of_others = -(F.softmax(p.log(), 1) * F.log_softmax(log_q, 1)).sum(1).mean()
    return of_target + 1.5 * of_others


def weighted_soft_labels(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """WSLD at temperature 2."""
    errors = [F.cross_entropy(each.detach(), target, reduction="none") for each in (student, teacher)]
    weight = 1 - torch.exp(-errors[0] / (errors[1] + 1e-7))
    soft = -(F.softmax(teacher / 2, 1) * F.log_softmax(student / 2, 1)).sum(1)
    return (weight * soft).mean() * 4


def pearson(student: Tensor, teacher: Tensor) -> Tensor:
    """PKD: mean squared error of channels of mean 0 and deviation 1."""

    def standardised(maps: Tensor) -> Tensor:
        values = maps.transpose(0, 1).flatten(1)
        return (values - values.mean(1, keepdim=True)) / (values.std(1, keepdim=True) + 1e-6)

    return F.mse_loss(standardised(student), standardised(teacher)) / 2


def partial_l2(student: Tensor, teacher: Tensor, margin: Tensor) -> Tensor:
    """OFD: squared errors where the student is above, or the teacher positive."""
    target = torch.max(teacher, margin.view(-1, 1, 1))
    error = F.mse_loss(student, target, reduction="none")
    return (error * ((student > target) | (target > 0)).float()).sum() / len(student)


def partial_l2_of_module(loss: Callable, arguments: Arguments) -> Value:
    """The same with the margin of our module."""
    return lambda: partial_l2(**arguments, margin=loss.margins[0])


def generated(loss: Callable, arguments: Arguments) -> Value:
    """MGD: squared error of what our module's convolutions make of the masked map."""
    student, teacher, mask = (arguments[name] for name in ("student", "teacher", "mask"))
    return lambda: F.mse_loss(loss.generation(student * mask), teacher, reduction="sum") * loss.alpha / len(student)


def cell_affinities(student: Tensor, teacher: Tensor, kernel: int | None = None) -> Tensor:
    """SKD's pair-wise loss with all affinities in memory."""

    def affinities(maps: Tensor) -> Tensor:
        cells = F.max_pool2d(maps, kernel or maps.shape[2] // 2, ceil_mode=True).flatten(2)
        cells = cells / (cells.norm(dim=1, keepdim=True) + 1e-8).detach()
        return cells.transpose(1, 2) @ cells

    return F.mse_loss(affinities(student), affinities(teacher))


def class_variation(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """IFVD with the means of classes by a product with one-hot labels."""
    own = F.one_hot(target.masked_fill(target == 255, 19).flatten(1), 20)[..., :19].to(student.dtype)

    def variation(maps: Tensor) -> Tensor:
        centres = maps.flatten(2) @ own / own.sum(1, keepdim=True).clamp(min=1)
        return F.cosine_similarity(maps.flatten(2), centres @ own.transpose(1, 2), dim=1, eps=1e-12)

    return F.mse_loss(variation(student), variation(teacher))


def image_pairs(student: Tensor, teacher: Tensor, pool: int = 1) -> Tensor:
    """CIRKD's mini-batch part, one pair of images after the other, all likenesses kept for the backward pass."""
    unit = [F.normalize(F.avg_pool2d(each, pool), dim=1).flatten(2) for each in (student, teacher)]
    total = 0.0
    for i in range(len(student)):
        for j in range(len(student)):
            log_q, log_p = (F.log_softmax(each[i].T @ each[j] / 0.1, dim=1) for each in unit)
            total = total + F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
    return total / len(student) ** 2


def masked_maps(student: Tensor, teacher: Tensor, masks: Tensor) -> Tensor:
    """Squared errors of maps under one mask after the other."""
    total = 0.0
    for mask in masks.split(1, dim=1):
        errors = F.mse_loss(student * mask, teacher * mask, reduction="none").mean(1).sum((1, 2))
        total = total + (errors / mask.sum((1, 2, 3))).mean()
    return total / masks.shape[1]


def haar_bands(student: Tensor, teacher: Tensor) -> Tensor:
    """Haar detail of three steps by strided convolutions."""
    rest, total = student - teacher, 0.0
    signs = [[[1, 1], [1, 1]], [[1, 1], [-1, -1]], [[1, -1], [1, -1]], [[1, -1], [-1, 1]]]
    kernels = torch.tensor(signs, dtype=student.dtype, device=student.device).view(4, 1, 2, 2) / 2
    kernels = kernels.repeat(student.shape[1], 1, 1, 1)
    for _ in range(3):
        bands = F.conv2d(rest, kernels, stride=2, groups=student.shape[1]).unflatten(1, (-1, 4))
        rest, detail = bands[:, :, 0], bands[:, :, 1:]
        total = total + detail.abs().mean()
    return total


def hardest_triplets(
    student: Tensor, teacher: Tensor, labels: Tensor, negatives: Tensor | None = None, **other: Tensor
) -> Tensor:
    """Squared distances by `torch.cdist`, the nearest of another class, a margin of 1."""
    columns, column_labels = (teacher, labels) if negatives is None else (negatives, other["negative_labels"])
    distances = torch.cdist(student, columns).square()
    nearest = distances.masked_fill(labels[:, None] == column_labels, torch.inf).amin(1)
    return F.relu((student - teacher).square().sum(1) - nearest + 1).mean()


def contrastive_pairs(student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """Contrastive loss of all pairs with `torch.cdist` and a margin of 1."""
    distances = torch.cdist(student, teacher)
    differs = labels[:, None] != labels
    return 0.5 * (distances.diagonal().square().mean() + F.relu(1 - distances[differs]).square().mean())


def bin_kl(_loss: Callable, arguments: Arguments) -> Value | None:
    """Localization distillation of mmdetection."""
    mmcv_ops.install()
    library = installed("mmdet.models.losses.kd_loss")
    if library is None:
        return None
    theirs = library.KnowledgeDistillationKLDivLoss(T=10)
    return lambda: theirs(arguments["student"], arguments["teacher"])


def noise_contrast(loss: Callable, arguments: Arguments) -> Value | None:
    """torchdistill's CRD behind our module's embeddings, with memories that start like ours."""
    library = installed("torchdistill.losses.mid_level")
    if library is None:
        return None
    rows, width = loss.student_memory.shape
    theirs = library.CRDLoss("s", "i", "t", width, rows, loss.num_negatives, rows, temperature=loss.temperature)
    theirs = theirs.to(loss.student_memory.device)
    theirs.memory_v1.copy_(loss.student_memory)
    theirs.memory_v2.copy_(loss.teacher_memory)
    given = {"pos_idx": arguments["index"], "contrast_idx": arguments["contrast_index"]}

    def value() -> Tensor:
        student = F.normalize(loss.embed_student(arguments["student"]))
        teacher = F.normalize(loss.embed_teacher(arguments["teacher"]))
        return theirs({"s": {"output": student}, "i": {"input": given}}, {"t": {"output": teacher}}).sum()

    return value


def outputs(theirs: Callable, _loss: Callable, student: Any, teacher: Any) -> Tensor:
    """Call a loss of torchdistill that reads the outputs of one module of each network."""
    return theirs({"s": {"output": student}}, {"t": {"output": teacher}})


def levels(theirs: Callable, loss: Callable, student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """The sum over levels; the student's come in pairs there."""
    return sum(outputs(theirs, loss, (own, None), wanted) for own, wanted in zip(student, teacher, strict=True))


def likelihood(theirs: Callable, loss: Callable, student: Tensor, teacher: Tensor) -> Tensor:
    """torchdistill's VID of the mean and the variance of our module."""
    variance = (F.softplus(loss.log_scale) + loss.eps).view(-1, 1, 1)
    return outputs(theirs, loss, (loss.regressor(student), variance), teacher)


PATHS: Mapping[str, str] = {"student_module_path": "s", "teacher_module_path": "t"}
LOGIT_PATHS: Mapping[str, str] = {**PATHS, "student_module_io": "output", "teacher_module_io": "output"}
OUTPUT_PATHS: Mapping[str, str] = {"student_output_path": "s", "teacher_output_path": "t"}
PAIR: Mapping[str, dict] = {
    "pair": {"student": {"path": "s", "io": "output"}, "teacher": {"path": "t", "io": "output"}}
}

FAKE, BOTH = ("fake",), ("real", "fake")
# form, part, arguments, line
ADVERSARIAL: tuple[tuple[str, str, tuple[str, ...], Callable[..., Tensor]], ...] = (
    ("wgan", "generator", FAKE, lambda fake: -fake.mean()),
    ("wgan", "discriminator", BOTH, lambda real, fake: fake.mean() - real.mean()),
    ("hinge", "generator", FAKE, lambda fake: -fake.mean()),
    ("hinge", "discriminator", BOTH, lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean()),
    ("lsgan", "generator", FAKE, lambda fake: 0.5 * (fake - 1).square().mean()),
    ("lsgan", "discriminator", BOTH, lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean())),
)
