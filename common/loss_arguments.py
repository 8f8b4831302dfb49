"""What a loss is called, and which of its arguments take tensors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping

from torch import nn

from common.errors import ConfigError
from common.losses.base import is_tensor_argument


def loss_label(loss: Callable) -> str:
    """Name of a loss function or module, seen through a partial."""
    loss = getattr(loss, "func", loss)
    return getattr(loss, "__name__", type(loss).__name__)


def tensor_arguments(loss: Callable) -> list[str]:
    """Names of the arguments of a loss that take tensors: without a default, or annotated with ``Tensor``."""
    call = loss.forward if isinstance(loss, nn.Module) or _is_module_class(loss) else loss
    if isinstance(call, functools.partial):
        given = set(call.keywords)
        return [name for name in tensor_arguments(call.func) if name not in given]
    names = []
    for name, parameter in _parameters(call).items():
        if name != "self" and is_tensor_argument(parameter):
            names.append(name)
    return names


def _parameters(call: Callable) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(call).parameters
    except ValueError as error:
        raise ConfigError(
            f"cannot read the arguments of {loss_label(call)}, which is not written in Python; "
            f"wrap it in a function(student, teacher)"
        ) from error


def _is_module_class(loss: Callable) -> bool:
    return isinstance(loss, type) and issubclass(loss, nn.Module)


def required_arguments(loss: Callable) -> list[str]:
    """Those of `tensor_arguments` that have no default."""
    call = loss.forward if isinstance(loss, nn.Module) else loss
    parameters = _parameters(call)
    return [name for name in tensor_arguments(loss) if parameters[name].default is inspect.Parameter.empty]
