"""What makes a function a loss of this package, and modules out of such functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from common.losses.checks import check_temperature

P = ParamSpec("P")
R = TypeVar("R")

HALF = (torch.float16, torch.bfloat16)
LEVELS = ("each", "all")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function compute in float32 where autocast is on or its tensors are half; float64 stays float64.

    Softmax tails and sums over thousands of positions do not survive half precision.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        args = tuple(_widen(value) for value in args)
        kwargs = {name: _widen(value) for name, value in kwargs.items()}
        device = next((tensor.device.type for tensor in _tensors((*args, *kwargs.values()))), "cpu")
        if not torch.is_autocast_enabled(device):
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return wrapped


def loss_function(
    adapter: str | None = None, resize: bool = True, levels: str = "each"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a distillation loss: it computes in `full_precision`, and attributes say how it is wired to networks.

    Args:
        adapter: what may be put in front of the student where its channels differ from the teacher's: ``'auto'`` a
            learned projection, None nothing (class scores must mean the same classes).
        resize: whether the teacher's map is to be brought to the student's grid beforehand.
        levels: ``'each'``: called once for each level of a feature pyramid, and summed; ``'all'``: called with the
            lists of levels.
    """
    if levels not in LEVELS:
        raise ValueError(f"expected levels to be one of {LEVELS} but found {levels!r}")

    def declare(loss: Callable[P, R]) -> Callable[P, R]:
        wrapped = full_precision(loss)
        wrapped.adapter, wrapped.resize, wrapped.levels = adapter, resize, levels
        return wrapped

    return declare


def _widen(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_widen(each) for each in value) if type(value) in (list, tuple) else value
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif type(value) in (list, tuple):
            found.extend(_tensors(value))
    return found


def is_tensor_argument(parameter: inspect.Parameter) -> bool:
    """Whether an argument of a loss takes tensors: it has no default, or is annotated with ``Tensor``."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return False
    return parameter.default is parameter.empty or "Tensor" in str(parameter.annotation)


def _is_hyperparameter(parameter: inspect.Parameter) -> bool:
    """Of arguments that take a number or a tensor, such as weights by class, the default says which it is."""
    return not is_tensor_argument(parameter) or parameter.default not in (parameter.empty, None)


class FunctionLoss(nn.Module):
    """A loss function with its hyperparameters kept; called with its tensors.

    A subclass names its function (``class KDLoss(FunctionLoss, function=kd_loss)``) and takes that function's
    hyperparameters, with their defaults, in that order.

    Raises:
        TypeError: for a hyperparameter that the function does not have, or a call with other arguments than its
            tensors.
        ValueError: for a temperature that is not above 0.
    """

    function: Callable
    adapter: str | None
    resize: bool
    levels: str

    def __init_subclass__(cls, function: Callable, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.function = staticmethod(function)
        cls.adapter, cls.resize, cls.levels = function.adapter, function.resize, function.levels
        parameters = inspect.signature(function).parameters.values()
        own = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters if _is_hyperparameter(p)]
        cls.__signature__ = inspect.Signature(own)

        tensors = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in parameters if not _is_hyperparameter(p)]
        names = [p.name for p in tensors]

        def forward(self: FunctionLoss, *args: Any, **kwargs: Any) -> Any:
            if len(args) > len(names) or any(name not in names for name in kwargs):
                given = ", ".join([f"{len(args)} positional", *kwargs])
                raise TypeError(
                    f"expected {type(self).__name__} to be called with ({', '.join(names)}) but found {given}; "
                    "hyperparameters are the constructor's"
                )
            return self.function(**dict(zip(names, args, strict=False)), **kwargs, **self.options)

        this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        forward.__signature__ = inspect.Signature([this, *tensors])
        cls.forward = forward

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        try:
            bound = inspect.signature(type(self)).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}: {error}") from None
        bound.apply_defaults()
        self.options: dict[str, Any] = dict(bound.arguments)
        if "temperature" in self.options:
            check_temperature(self.options["temperature"])

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.options.items())


class ShapedLoss(nn.Module):
    """A loss with layers of its own, whose widths come from the tensors that it will see.

    Its widths are optional arguments of the constructor. Where they are left out, `build` must be called with the
    shapes before the loss is, which the trainers do from an example batch. A subclass reads the shapes in `widths`
    and makes its layers in `make_layers`, whose arguments are the widths; both are called once.
    """

    adapter: str | None = None
    resize: bool = True
    levels: str = "each"

    def __init__(self, **widths: Any) -> None:
        super().__init__()
        self.built = all(value is not None for value in widths.values())
        self._given = widths
        if self.built:
            self.make_layers(**widths)

    def widths(self, **shapes: Any) -> Mapping[str, Any]:
        """Widths, by the constructor's names, from the shapes of the loss's tensors, by `forward`'s names.

        A shape is a ``torch.Size``, or a list of them for a list of tensors.
        """
        raise NotImplementedError

    def make_layers(self, **widths: Any) -> None:
        """Make the layers for these widths."""
        raise NotImplementedError

    def build(self, **shapes: Any) -> None:
        """Make the layers from the shapes of the loss's tensors; does nothing where the widths were given."""
        if self.built:
            return
        found = {**self.widths(**shapes), **{name: value for name, value in self._given.items() if value is not None}}
        self.make_layers(**found)
        self.built = True

    def check_built(self) -> None:
        """Refuse to compute without layers with a RuntimeError that says what to give."""
        if not self.built:
            missing = ", ".join(f"{name}=" for name, value in self._given.items() if value is None)
            raise RuntimeError(f"{type(self).__name__} has no layers yet: give {missing} or call build() with shapes")
