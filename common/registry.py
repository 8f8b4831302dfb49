"""Losses and example batches by name, for configs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.registry import Registry

import common.losses
from common.errors import ConfigError, did_you_mean

LOSSES = Registry("distillation loss")
EXAMPLES = Registry("example batch")

for _name in common.losses.__all__:
    _loss = getattr(common.losses, _name)
    if hasattr(_loss, "adapter"):  # what every loss declares
        LOSSES.register_module(name=_name, module=_loss)


def find_loss(name: str) -> Callable:
    """The loss function or module class registered under ``name``.

    Raises:
        ConfigError: with the nearest names, if there is none.
    """
    loss = LOSSES.get(name) if isinstance(name, str) else name
    if loss is None or not callable(loss):
        known = LOSSES.module_dict
        hint = did_you_mean(str(name), known) or f"; there are {', '.join(sorted(known))}"
        raise ConfigError(f"no loss {name!r}{hint}")
    return loss


def make_loss(loss: Callable, options: Mapping[str, Any], name: str) -> Callable:
    """A loss with its hyperparameters set: a module instance, or a partial of a function.

    Raises:
        ConfigError: for a hyperparameter that the loss does not have, or whose value it refuses.
    """
    parameters = inspect.signature(loss).parameters
    for key in options:
        if key not in parameters:
            raise ConfigError(f"loss {name!r} ({loss.__name__}): unknown key {key!r}{did_you_mean(key, parameters)}")
    if not inspect.isclass(loss):
        return functools.partial(loss, **options)
    try:
        return loss(**options)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"loss {name!r} ({loss.__name__}): {error}") from error
