"""What losses check about their inputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def check_shape(name: str, tensor: Tensor, axes: str, sizes: Mapping[str, int] | None = None) -> dict[str, int]:
    """Hold a tensor's shape against named axes and return the size of each.

    Args:
        name: what the tensor is, for the message.
        tensor: the tensor.
        axes: names separated by spaces, such as ``'B C H W'``; a last ``*`` stands for any number of further
            axes, which are named ``*0``, ``*1``, ….
        sizes: sizes that must be met, by axis name; as returned for the tensor to agree with. Where the axes hold
            ``*``, the further axes must be the same ones.

    Returns:
        ``{axis name: size}``.

    Raises:
        ValueError: if the number of axes or a size differs, an axis is empty, or the tensor holds no
            floating-point numbers.

    >>> import torch
    >>> sizes = check_shape("student", torch.zeros(2, 5, 4, 4), "B C *")
    >>> sizes
    {'B': 2, 'C': 5, '*0': 4, '*1': 4}
    >>> check_shape("teacher", torch.zeros(2, 7, 4, 4), "B C *", sizes)
    Traceback (most recent call last):
    ValueError: expected teacher of shape (B, C, *) = (2, 5, 4, 4) but found (2, 7, 4, 4)
    """
    if not tensor.is_floating_point():
        raise ValueError(f"expected floating-point {name} but found {tensor.dtype}")
    names = axes.split()
    fixed = [axis for axis in names if axis != "*"]
    further = tensor.dim() - len(fixed)
    if "*" in names:
        names = fixed + [f"*{i}" for i in range(further)]
    wanted = ", ".join(axes.split())
    if tensor.dim() != len(names):
        raise ValueError(f"expected {name} of shape ({wanted}) but found {tuple(tensor.shape)}")
    found = dict(zip(names, tensor.shape, strict=True))
    if 0 in found.values():
        raise ValueError(f"expected {name} of shape ({wanted}) with no empty axis but found {tuple(tensor.shape)}")
    if sizes is None:
        return found
    expected = {axis: sizes.get(axis, size) for axis, size in found.items()}
    if "*" in axes:
        expected.update({axis: size for axis, size in sizes.items() if axis.startswith("*")})
    if expected != found:
        numbers = ", ".join(str(size) for size in expected.values())
        raise ValueError(f"expected {name} of shape ({wanted}) = ({numbers}) but found {tuple(tensor.shape)}")
    return found


def check_temperature(temperature: float) -> None:
    """Refuse a softmax temperature that is not above 0 with a ValueError."""
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0 but found {temperature}")


def check_normalised(samples: int, positions: int, place: str) -> None:
    """Refuse to normalise by the batch, in training, where a channel has a single value, with a ValueError."""
    if samples * positions == 1:
        raise ValueError(
            f"expected at least 2 samples {place}, which is a single position and is normalised by the batch, "
            "but found 1"
        )


def drop_channel_axis(target: Tensor, spatial: int) -> Tensor:
    """Integer labels ``(B, *)`` from ``(B, *)`` or ``(B, 1, *)`` with ``spatial`` axes behind the batch.

    Raises:
        ValueError: if the labels have another number of axes or are not integers.
    """
    if target.is_floating_point() or target.is_complex():
        raise ValueError(f"expected integer labels as target but found {target.dtype}")
    if target.dim() == spatial + 2 and target.shape[1] == 1:
        target = target.squeeze(1)
    if target.dim() != spatial + 1:
        raise ValueError(
            f"expected a target with a batch axis and {spatial} spatial axes but found {tuple(target.shape)}"
        )
    return target


def check_labels(target: Tensor, num_classes: int, ignore_index: int | None = None) -> None:
    """Refuse integer labels outside ``0..num_classes-1`` with a ValueError that lists them.

    Only on the CPU and outside of `torch.compile`: elsewhere looking at the values would stall the device.
    """
    if target.device.type != "cpu" or torch.compiler.is_compiling():
        return
    unknown = (target < 0) | (target >= num_classes)
    if ignore_index is not None:
        unknown &= target != ignore_index
    if unknown.any():
        ignored = "" if ignore_index is None else f" or {ignore_index} (ignored)"
        found = sorted(target[unknown].unique().tolist())
        raise ValueError(f"expected labels 0..{num_classes - 1}{ignored} in the target but found {found}")
