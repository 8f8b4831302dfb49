"""What distilling an image classifier costs, beside the same step by hand and timm's."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.benchmark import (
    LOSS,
    STEP,
    STUDENT_STEP,
    TEACHER_FORWARD,
    Comparison,
    Options,
    loss_alone,
    training_step,
)
from common.losses import KDLoss
from common.teacher import FrozenTeacher
from common.wrap import distill


def classifier(options: Options, mini: bool = False, temperature: float = 4.0) -> Comparison:
    """ResNet-18 from ResNet-50 with `common.wrap.distill` and `KDLoss`, ImageNet's 1000 classes, random weights.

    Beside it stand the same step written by hand and, where timm has it, timm's distillation task. The learning
    rate is 0, so that every round computes the same.

    Args:
        mini: another ResNet-18 as the teacher, for a quick look.
    """
    from torchvision.models import resnet18, resnet50

    torch.manual_seed(0)
    plain = options.place(resnet18())
    teacher = FrozenTeacher(options.place(resnet18() if mini else resnet50()))
    used = teacher
    if options.dtype is not None:
        used = FrozenTeacher(copy.deepcopy(teacher.model), dtype=options.dtype)
    images = torch.randn(options.batch, 3, *options.size, device=options.device)
    if options.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(1000, (options.batch,), device=options.device)
    students = {name: copy.deepcopy(plain) for name in ("distill", "by hand", "timm")}
    if options.compile:
        for module in (plain, *students.values(), teacher.model, *([used.model] if used is not teacher else [])):
            module.compile()

    def stepping(student: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], object]:
        optimizer = torch.optim.SGD(student.parameters(), lr=0.0, momentum=0.9, weight_decay=1e-4)
        return training_step(loss, optimizer, options)

    def forward_teacher() -> None:
        with options.autocast():
            teacher(images)

    wrapped = distill(students["distill"], used, losses={"output": KDLoss(temperature)})

    def distilled_loss() -> Tensor:
        output, losses = wrapped(images)
        return F.cross_entropy(output, labels) + sum(losses.values())

    def loss_by_hand() -> Tensor:
        output = students["by hand"](images)
        with torch.no_grad():
            answer = used.model(images if options.dtype is None else images.to(options.dtype)).float()
        log_q = F.log_softmax(output.float() / temperature, dim=1)
        log_p = F.log_softmax(answer / temperature, dim=1)
        kd = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True) * temperature**2
        return F.cross_entropy(output, labels) + kd

    steps = {"kd": stepping(wrapped, distilled_loss), "by hand": stepping(students["by hand"], loss_by_hand)}
    peer = _timm_task(students["timm"], teacher.model, temperature) if used is teacher else None
    if peer is not None:
        peer = options.place(peer)
        steps["timm"] = stepping(students["timm"], lambda: peer(images, labels)["loss"])
    return Comparison(
        phases={
            STUDENT_STEP: stepping(plain, lambda: F.cross_entropy(plain(images), labels)),
            TEACHER_FORWARD: forward_teacher,
            **{STEP.format(name): step for name, step in steps.items()},
            LOSS.format("kd"): loss_alone(wrapped.terms, steps["kd"], options),
        },
        steps=[STEP.format(name) for name in steps],
        facts={"student": "torchvision resnet18", "teacher": f"torchvision {'resnet18' if mini else 'resnet50'}"},
    )


def _timm_task(student: nn.Module, teacher: nn.Module, temperature: float) -> nn.Module | None:
    """timm's distillation task on these networks; None where the installed timm has none."""
    try:
        from timm.task import LogitDistillationTask
    except ImportError:
        return None
    # What timm reads of its own networks: images are normalised alike for both, as they are here.
    student.pretrained_cfg = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    student.num_classes, student.in_chans = 1000, 3
    task = LogitDistillationTask(
        student,
        teacher,
        criterion=nn.CrossEntropyLoss(),
        distill_loss_weight=1.0,
        temperature=temperature,
        device=next(student.parameters()).device,
        verbose=False,
    )
    return task.train()
