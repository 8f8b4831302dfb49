"""Distillation of how pixels relate across the images of a batch and to a memory of former batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.losses.base import FunctionLoss, ShapedLoss, full_precision, loss_function
from common.losses.checks import check_labels, check_normalised, check_shape, check_temperature
from common.losses.chunks import automatic_chunk, sum_over_rows
from common.losses.distributed import of_all_ranks
from common.losses.structure import class_sums, floor_labels, unit_vectors


@loss_function(resize=False)
def cirkd_minibatch_loss(
    student: Tensor,
    teacher: Tensor,
    temperature: float = 0.1,
    chunk_size: int | None = None,
    pool: int = 1,
) -> Tensor:
    r"""Mini-batch part of CIRKD [0]: how a pixel spreads its likeness over the pixels of each image of the batch.

    .. math::
        \frac{1}{B^2 N} \sum_{b,i} \sum_{b'} \mathrm{KL}\Big(
        \sigma_{j}\big(\langle t_{bi}, t_{b'j}\rangle / \tau\big) \,\Big\|\,
        \sigma_{j}\big(\langle s_{bi}, s_{b'j}\rangle / \tau\big)\Big)

    over the N positions i, j of unit features s and t, for all pairs of images b, b', an image with itself among
    them. There is no factor :math:`\tau^2`. The authors loop over the pairs and pool maps of 256 and more positions
    a side by 4 beforehand, which is ``pool=4``. Positions without any feature get no gradient here.

    Args:
        student: feature map, shape ``(B, C, H, W)``.
        teacher: feature map, shape ``(B, C', H', W')``; another grid is resized bilinearly to the student's. No
            gradient flows into it.
        temperature: softmax temperature.
        chunk_size: pixels whose likeness to all B N pixels is in memory at once, forward and backward; the result
            is the same. None takes as many as make 2^22 numbers.
        pool: side of an average pooling of the maps; time and memory fall with its fourth power.

    Returns:
        Scalar, 0 where the likenesses agree.

    Raises:
        ValueError: if the batches differ, or an option is out of its range.

    >>> import torch
    >>> student = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]])  # two pixels at a right angle
    >>> cirkd_minibatch_loss(student, torch.ones(1, 3, 1, 2), temperature=1.0)  # KL((1/2, 1/2) || softmax(1, 0))
    tensor(0.1201)

    [0] Yang et al., Cross-Image Relational Knowledge Distillation for Semantic Segmentation, CVPR 2022.
    """
    check_temperature(temperature)
    if pool < 1:
        raise ValueError(f"expected a pool of at least 1 but found {pool}")
    sizes = check_shape("student map", student, "B C H W")
    check_shape("teacher map", teacher, "B C' H' W'", {"B": sizes["B"]})
    if teacher.shape[2:] != student.shape[2:]:
        teacher = F.interpolate(teacher, student.shape[2:], mode="bilinear", align_corners=False)
    if min(sizes["H"], sizes["W"]) < pool:
        raise ValueError(f"expected a map of at least pool={pool} positions a side but found {tuple(student.shape)}")
    if pool > 1:
        student, teacher = F.avg_pool2d(student, pool), F.avg_pool2d(teacher, pool)
    batch, positions = sizes["B"], student.shape[2:].numel()
    student, teacher = (_unit_pixels(each) for each in (student, teacher.detach()))
    rows = automatic_chunk(batch * positions) if chunk_size is None else chunk_size
    every = student.new_ones(batch * positions, 1)
    anchors = (student / temperature, teacher / temperature, every)
    total = sum_over_rows(
        _relation_divergence, rows, anchors, student.view(batch, positions, -1), teacher.view(batch, positions, -1)
    )
    return total / (batch**2 * positions)


def _unit_pixels(features: Tensor) -> Tensor:
    """A map ``(B, C, H, W)`` as unit vectors ``(B * H * W, C)``."""
    return unit_vectors(features, 1).movedim(1, -1).flatten(0, 2)


def _relation_divergence(
    student: Tensor, teacher: Tensor, weights: Tensor, student_keys: Tensor, teacher_keys: Tensor
) -> Tensor:
    """Weighted sum of the divergences between anchors' softmaxes over each group of keys.

    Args:
        student: anchors over the temperature, shape ``(R, C)``.
        teacher: ``(R, C')``.
        weights: of the anchors, shape ``(R, 1)``.
        student_keys: what the student's anchors are compared with, shape ``(groups, N, C)``.
        teacher_keys: ``(groups, N, C')``.
    """
    groups = student_keys.shape[:2]
    log_q = F.log_softmax((student @ student_keys.flatten(0, 1).mT).unflatten(1, groups), dim=2)
    log_p = F.log_softmax((teacher @ teacher_keys.flatten(0, 1).mT).unflatten(1, groups), dim=2)
    return ((log_p.exp() * (log_p - log_q)).sum(dim=(1, 2)) * weights[:, 0]).sum()


class CIRKDMinibatchLoss(FunctionLoss, function=cirkd_minibatch_loss):
    """Module over `cirkd_minibatch_loss`; ``forward(student, teacher)``."""


class CIRKDMemory(ShapedLoss):
    r"""Memory part of CIRKD [0]: how a pixel relates to pixels and regions that the teacher saw before.

    A queue of unit teacher features is kept for each class: single pixels, and means over all pixels of the class
    in an image (regions). With s the student's projected unit feature of a labelled pixel i, t the teacher's, and
    v the entries drawn from a queue, alike for both,

    .. math::
        \frac{T^2}{|V|} \sum_{i \in V} \mathrm{KL}\Big(
        \sigma_{v}\big(\langle t_i, v\rangle / \tau T\big) \,\Big\|\,
        \sigma_{v}\big(\langle s_i, v\rangle / \tau T\big)\Big)

    In training mode a call first puts the batch into the queues (of all ranks, where training is distributed),
    then draws from them with torch's generator. In evaluation mode the queues stay as they are and their first
    slots are taken, wherever the next entry is to be written. Queues start with random directions.

    Differences from the authors' code: theirs puts pixels of any class into a class's queue, for it draws among
    the first pixels of the image where it means those of the class; and it moves the writing position back to the
    start where a batch does not fit before the end, instead of going round.

    Args:
        num_classes: number of classes.
        student_channels: width of the student's map; taken from the shapes where left out.
        teacher_channels: width of the teacher's map; likewise.
        pixel_memory: pixels kept for each class. 20000 in the authors' scripts (2000 with SegFormer); the queues
            take ``num_classes * (pixel_memory + region_memory) * teacher_channels`` numbers of memory and of a
            checkpoint.
        region_memory: regions kept for each class; the authors' 2000.
        pixel_samples: pixels compared with at a call, over all classes; the authors' 4096, taken as
            ``pixel_samples // num_classes + 1`` for each class.
        region_samples: likewise; the authors' 1024.
        pixels_per_image: pixels of a class that an image puts into its queue; the authors' 16.
        temperature: :math:`\tau` of the likenesses; the authors' 0.1.
        kd_temperature: T of the divergence; the authors' 1.
        pixel_weight: the authors' 0.1 (0.01 advised for VOC), also for regions.
        region_weight: see ``pixel_weight``.
        ignore_index: the label of ignored pixels.
        chunk_size: pixels whose likenesses are in memory at once; see `cirkd_minibatch_loss`.

    Raises:
        ValueError: if a size is below 1 or a temperature is not above 0.

    [0] Yang et al., Cross-Image Relational Knowledge Distillation for Semantic Segmentation, CVPR 2022.
    """

    def __init__(
        self,
        num_classes: int,
        student_channels: int | None = None,
        teacher_channels: int | None = None,
        pixel_memory: int = 20000,
        region_memory: int = 2000,
        pixel_samples: int = 4096,
        region_samples: int = 1024,
        pixels_per_image: int = 16,
        temperature: float = 0.1,
        kd_temperature: float = 1.0,
        pixel_weight: float = 0.1,
        region_weight: float = 0.1,
        ignore_index: int = 255,
        chunk_size: int | None = None,
    ):
        check_temperature(temperature)
        check_temperature(kd_temperature)
        sizes = {"pixel_memory": pixel_memory, "region_memory": region_memory, "pixels_per_image": pixels_per_image}
        samples = {"pixel_samples": pixel_samples, "region_samples": region_samples}
        for name, size in {"num_classes": num_classes, **sizes, **samples}.items():
            if size < 1:
                raise ValueError(f"expected {name} of at least 1 but found {size}")
        self.num_classes = num_classes
        self.pixel_memory, self.region_memory = pixel_memory, region_memory
        self.pixel_draws = min(pixel_memory, pixel_samples // num_classes + 1)
        self.region_draws = min(region_memory, region_samples // num_classes + 1)
        self.pixels_per_image = pixels_per_image
        self.temperature, self.kd_temperature = temperature, kd_temperature
        self.pixel_weight, self.region_weight = pixel_weight, region_weight
        self.ignore_index = ignore_index
        self.chunk_size = chunk_size
        super().__init__(student_channels=student_channels, teacher_channels=teacher_channels)

    def widths(self, student: torch.Size, teacher: torch.Size, **_: torch.Size) -> Mapping[str, int]:
        return {"student_channels": student[1], "teacher_channels": teacher[1]}

    def make_layers(self, student_channels: int, teacher_channels: int) -> None:
        self.project = nn.Sequential(
            nn.Conv2d(student_channels, teacher_channels, 1, bias=False),
            nn.BatchNorm2d(teacher_channels),
            nn.ReLU(),
            nn.Conv2d(teacher_channels, teacher_channels, 1, bias=False),
        )
        for name, size in (("pixel", self.pixel_memory), ("region", self.region_memory)):
            queue = F.normalize(torch.randn(self.num_classes, size, teacher_channels), dim=2)
            self.register_buffer(f"{name}_queue", queue)
            self.register_buffer(f"{name}_next", torch.zeros(self.num_classes, dtype=torch.long))

    @full_precision
    def forward(self, student: Tensor, teacher: Tensor, target: Tensor) -> dict[str, Tensor]:
        """``loss_pixel`` and ``loss_region``, weighted scalars; 0 where every pixel is ignored.

        Args:
            student: feature map, shape ``(B, C, H, W)``.
            teacher: feature map, shape ``(B, C', H, W)``; no gradient flows into it.
            target: integer labels, shape ``(B, *, *)`` or ``(B, 1, *, *)`` of any size, read at the upper left of
                each feature cell.

        Raises:
            RuntimeError: if there are no layers yet.
            ValueError: if shapes or labels do not fit, or a single position is to be normalised in training.
        """
        self.check_built()
        sizes = check_shape("student map", student, "B C H W", {"C": self.project[0].in_channels})
        expected = {**{name: sizes[name] for name in "BHW"}, "C'": self.project[0].out_channels}
        check_shape("teacher map", teacher, "B C' H W", expected)
        if self.training:
            check_normalised(sizes["B"], sizes["H"] * sizes["W"], "of the student map")
        labels = floor_labels(target, sizes["B"], student.shape[2:]).flatten(1)
        check_labels(labels, self.num_classes, self.ignore_index)
        known = (labels >= 0) & (labels < self.num_classes) & (labels != self.ignore_index)
        teacher = _unit_pixels(teacher.detach())
        if self.training:
            self._remember(teacher.view(*labels.shape, -1), torch.where(known, labels, self.num_classes))
        student = _unit_pixels(self.project(student))
        return {
            "loss_pixel": self.pixel_weight * self._divergence(student, teacher, known, self._drawn("pixel")),
            "loss_region": self.region_weight * self._divergence(student, teacher, known, self._drawn("region")),
        }

    def _drawn(self, name: str) -> Tensor:
        """Entries of each class's queue, ``(1, num_classes * draws, C)``."""
        queue, draws = getattr(self, f"{name}_queue"), getattr(self, f"{name}_draws")
        if self.training:
            # A copy: the next call writes into the queue, perhaps before this one's backward pass.
            return queue[:, torch.randperm(queue.shape[1], device=queue.device)[:draws]].flatten(0, 1)[None]
        return queue[:, :draws].reshape(1, -1, queue.shape[2])

    def _divergence(self, student: Tensor, teacher: Tensor, known: Tensor, keys: Tensor) -> Tensor:
        scale = 1 / (self.temperature * self.kd_temperature)
        anchors = (student * scale, teacher * scale, known.reshape(-1, 1).to(student.dtype))
        rows = automatic_chunk(keys.shape[1]) if self.chunk_size is None else self.chunk_size
        total = sum_over_rows(_relation_divergence, rows, anchors, keys, keys)
        return total / known.sum().clamp(min=1) * self.kd_temperature**2

    @torch.no_grad()
    def _remember(self, features: Tensor, labels: Tensor) -> None:
        """Put pixels and regions of the unit features ``(B, N, C)`` into the queues of their labels ``(B, N)``."""
        pixels, drawn = _draw_pixels(features, labels, self.num_classes, self.pixels_per_image)
        regions = class_sums(features, labels, self.num_classes + 1)[:, :-1].movedim(0, 1)
        present = drawn[:, :: self.pixels_per_image]
        _enqueue(self.pixel_queue, self.pixel_next, *of_all_ranks(pixels, drawn, dim=1))
        _enqueue(self.region_queue, self.region_next, *of_all_ranks(unit_vectors(regions, 2), present, dim=1))

    def extra_repr(self) -> str:
        return (
            f"num_classes={self.num_classes}, pixel_memory={self.pixel_memory}, region_memory={self.region_memory}, "
            f"temperature={self.temperature}, pixel_weight={self.pixel_weight}, region_weight={self.region_weight}"
        )


def _draw_pixels(features: Tensor, labels: Tensor, num_classes: int, count: int) -> tuple[Tensor, Tensor]:
    """Up to ``count`` random pixels of each class of each image.

    Args:
        features: shape ``(B, N, C)``.
        labels: shape ``(B, N)``, ``num_classes`` where ignored.
        num_classes: number of classes.
        count: pixels of a class of an image.

    Returns:
        features ``(num_classes, B * count, C)``, and which of them there are; those of an image come first.
    """
    shuffled = torch.rand(labels.shape, device=labels.device).argsort(dim=1)
    order = shuffled.gather(1, labels.gather(1, shuffled).argsort(dim=1, stable=True))
    found = labels.new_zeros(len(labels), num_classes + 1).scatter_add(1, labels, torch.ones_like(labels))
    first = found.cumsum(dim=1) - found
    step = torch.arange(count, device=labels.device)
    drawn = step < found[:, :-1, None]
    place = (first[:, :-1, None] + step).clamp(max=labels.shape[1] - 1).flatten(1)
    index = order.gather(1, place)[:, :, None].expand(-1, -1, features.shape[2])
    pixels = features.gather(1, index).unflatten(1, (num_classes, count))
    return pixels.movedim(0, 1).flatten(1, 2), drawn.movedim(0, 1).flatten(1)


def _enqueue(queue: Tensor, following: Tensor, vectors: Tensor, valid: Tensor) -> None:
    """Write the valid ones of the vectors into each class's ring, without waiting for the device.

    Args:
        queue: shape ``(classes, size, C)``, changed in place; of more than ``size`` vectors the first are kept.
        following: next place to write to of each class, changed in place.
        vectors: shape ``(classes, M, C)``.
        valid: shape ``(classes, M)``.
    """
    size = queue.shape[1]
    order = (~valid).to(torch.uint8).argsort(dim=1, stable=True)[:, :size]
    slots = (following[:, None] + torch.arange(order.shape[1], device=queue.device)) % size
    taken = valid.gather(1, order)
    index, order = (each[:, :, None].expand(-1, -1, queue.shape[2]) for each in (slots, order))
    # Valid ones come first, so that those beyond write back what stands in slots that no other writes to.
    values = torch.where(taken[:, :, None], vectors.gather(1, order).to(queue.dtype), queue.gather(1, index))
    queue.scatter_(1, index, values)
    following.copy_((following + taken.sum(dim=1)) % size)
