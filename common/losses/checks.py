"""What every loss checks about its inputs, and the precision it computes in."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

HALF = (torch.float16, torch.bfloat16)


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
        ValueError: if the number of axes or a size differs.

    >>> sizes = check_shape("student", torch.zeros(2, 5, 4, 4), "B C *")
    >>> sizes
    {'B': 2, 'C': 5, '*0': 4, '*1': 4}
    >>> check_shape("teacher", torch.zeros(2, 7, 4, 4), "B C *", sizes)
    Traceback (most recent call last):
    ValueError: expected teacher of shape (B, C, *) = (2, 5, 4, 4) but found (2, 7, 4, 4)
    """
    names = axes.split()
    fixed = [axis for axis in names if axis != "*"]
    further = tensor.dim() - len(fixed)
    if "*" in names:
        names = fixed + [f"*{i}" for i in range(further)]
    wanted = ", ".join(axes.split())
    if tensor.dim() != len(names):
        raise ValueError(f"expected {name} of shape ({wanted}) but found {tuple(tensor.shape)}")
    found = dict(zip(names, tensor.shape, strict=True))
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


def full_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Make a loss compute in float32 where autocast is on or its tensors are half; float64 stays float64.

    Softmax tails and sums over thousands of positions do not survive half precision.
    """

    @functools.wraps(loss)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        args = tuple(_widen(value) for value in args)
        kwargs = {name: _widen(value) for name, value in kwargs.items()}
        tensors = (value for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        device = next((tensor.device.type for tensor in tensors), "cpu")
        if not torch.is_autocast_enabled(device):
            return loss(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return loss(*args, **kwargs)

    return wrapped


def _widen(value: object) -> object:
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value
