"""Connectors between a student's and a teacher's widths and grids."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Size, Tensor, nn

from common.errors import ConfigError, did_you_mean

KINDS = ("auto", "conv1x1", "conv1x1_bn", "linear", "regressor", "regressor_no_relu")
# Number of dimensions -> convolution, transposed convolution and batch norm.
LAYERS = {
    3: (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d),
    4: (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d),
}


def resize_to_student(teacher: Tensor, student: Tensor) -> Tensor:
    """Bring a teacher's map to the student's grid: ``(B, C, H, W)`` bilinear, ``(B, C, L)`` linear.

    Corners are not aligned. Anything else, or an equal grid, passes unchanged.
    """
    if teacher.dim() == student.dim() == 4 and teacher.shape[-2:] != student.shape[-2:]:
        return F.interpolate(teacher, size=student.shape[-2:], mode="bilinear", align_corners=False)
    lengths_differ = teacher.dim() == student.dim() == 3 and teacher.shape[-1] != student.shape[-1]
    if lengths_differ and teacher.shape[1] == student.shape[1]:
        return F.interpolate(teacher, size=student.shape[-1], mode="linear", align_corners=False)
    return teacher


def build_adapter(kind: str | None, student: Size, teacher: Size, name: str = "") -> nn.Module:
    """Layers that map the student's channels to the teacher's.

    Args:
        kind: ``'conv1x1'`` (channels at dim 1 of a 3-D or 4-D tensor), ``'linear'`` (last dim), ``'auto'``
            (nothing where the channels agree, else a 1x1 convolution for 4-D, a linear layer for 2-D and, for
            3-D, the one whose other dimension agrees) or None (never); ``'conv1x1_bn'`` (a 1x1 convolution
            without bias and batch norm, OFD's), ``'regressor'`` (a convolution that also brings the grid to the
            teacher's, batch norm and ReLU, FitNet's in RepDistiller) or ``'regressor_no_relu'``.
        student: shape of the student's tensor.
        teacher: shape of the teacher's tensor.
        name: the loss it belongs to, for messages.

    Raises:
        ConfigError: if the kind is unknown or the shapes leave the choice open.
    """
    if kind is None:
        return nn.Identity()
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS)
        raise ConfigError(f"loss {name!r}: expected adapter None, {', '.join(KINDS)} but found {kind!r}{hint}")
    if len(student) != len(teacher) or len(student) not in (2, 3, 4):
        raise ConfigError(
            f"loss {name!r}: expected student and teacher tensors of one number of dimensions (2, 3 or 4) but "
            f"found {tuple(student)} and {tuple(teacher)}; tap other modules or set adapter=None"
        )
    if kind == "auto":
        kind = _choose(student, teacher, name)
        if kind is None:
            return nn.Identity()
    if kind == "linear":
        return nn.Linear(student[-1], teacher[-1])
    if len(student) == 2:
        raise ConfigError(f"loss {name!r}: adapter {kind!r} wants 3-D or 4-D tensors but found {tuple(student)}")
    convolution, _, norm = LAYERS[len(student)]
    if kind == "conv1x1":
        return convolution(student[1], teacher[1], kernel_size=1)
    if kind == "conv1x1_bn":
        projection = convolution(student[1], teacher[1], kernel_size=1, bias=False)
        nn.init.kaiming_normal_(projection.weight, mode="fan_out")  # as OFD's authors
        return nn.Sequential(projection, norm(teacher[1]))
    layers = [_regridding(student, teacher, name), norm(teacher[1])]
    return nn.Sequential(*layers, nn.ReLU()) if kind == "regressor" else nn.Sequential(*layers)


def _regridding(student: Size, teacher: Size, name: str) -> nn.Module:
    """A convolution from the student's channels and grid to the teacher's."""
    convolution, transposed, _ = LAYERS[len(student)]
    pairs = list(zip(student[2:], teacher[2:], strict=True))
    if all(s == 2 * t for s, t in pairs):
        return convolution(student[1], teacher[1], kernel_size=3, stride=2, padding=1)
    if all(2 * s == t for s, t in pairs):
        return transposed(student[1], teacher[1], kernel_size=4, stride=2, padding=1)
    if all(s >= t for s, t in pairs):
        return convolution(student[1], teacher[1], kernel_size=tuple(1 + s - t for s, t in pairs))
    raise ConfigError(
        f"loss {name!r}: expected a student's map at least as large as the teacher's, or half as large, for a "
        f"regressor but found {tuple(student)} and {tuple(teacher)}; set adapter='conv1x1'"
    )


def _choose(student: Size, teacher: Size, name: str) -> str | None:
    if len(student) == 2:
        return None if student[1] == teacher[1] else "linear"
    if student[1] == teacher[1] and (len(student) == 4 or student[2] == teacher[2]):
        return None
    if len(student) == 4 or student[2] == teacher[2]:
        return "conv1x1"
    if student[1] == teacher[1]:
        return "linear"
    raise ConfigError(
        f"loss {name!r}: cannot tell channels from positions in {tuple(student)} and {tuple(teacher)}; "
        f"set adapter='conv1x1' for (B, C, L) or adapter='linear' for (B, N, C)"
    )


def describe_adapter(adapter: nn.Module) -> str:
    """How the start-up table names an adapter: ``-``, ``linear 64->256`` or ``conv3x3/2+bn+relu 64->256``."""
    if isinstance(adapter, nn.Linear):
        return f"linear {adapter.in_features}->{adapter.out_features}"
    if isinstance(adapter, nn.Sequential):
        layer, channels = describe_adapter(adapter[0]).split()
        return f"{layer}{'+bn' if len(adapter) == 2 else '+bn+relu'} {channels}"
    if isinstance(adapter, tuple(layer for layers in LAYERS.values() for layer in layers[:2])):
        kernel, stride = adapter.kernel_size, adapter.stride[0]
        size = "1x1" if set(kernel) == {1} else "x".join(map(str, kernel))
        kind = "deconv" if adapter.transposed else "conv"
        return f"{kind}{size}{'' if stride == 1 else f'/{stride}'} {adapter.in_channels}->{adapter.out_channels}"
    if isinstance(adapter, nn.ModuleList):
        return ", ".join(describe_adapter(level) for level in adapter)
    return "-"
