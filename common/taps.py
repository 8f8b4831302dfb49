"""Taps: named capture of what modules inside a network compute."""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from torch import Tensor, nn

from common.errors import ConfigError, did_you_mean

_PATH = re.compile(r"^(?P<module>[^:\[\]]*)(?P<input>:input)?(\[(?P<index>-?\d+)\])?$")


# Passes (a dry run in eval mode, a first one in train mode) in which every value is copied, until it is known which
# ones a later operation overwrites.
_PASSES_TO_LEARN = 2


class _AllCaptured(BaseException):
    """Ends a forward pass once every tap has fired; never leaves `Taps.capture`."""


def find_module(model: nn.Module, path: str) -> nn.Module:
    """The submodule at ``path``; a number steps into a list and may be negative (``layer1.-1.conv2``).

    Raises:
        ConfigError: if there is none; names the closest paths that exist.
    """
    module = model
    for step in path.split("."):
        children = dict(module.named_children())
        if step not in children and re.fullmatch(r"-\d+", step) and len(children) >= -int(step):
            step = list(children)[int(step)]
        if step not in children:
            hint = did_you_mean(path, [name for name, _ in model.named_modules() if name])
            raise ConfigError(f"no module at tap path {path!r} in {type(model).__name__}{hint}")
        module = children[step]
    return module


def tensors_in(value: Any) -> list[Tensor]:
    """The tensors in a value: itself, or those in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [tensor for item in value for tensor in tensors_in(item)] if isinstance(value, (tuple, list)) else []


def copied_value(value: Any) -> Any:
    """The value with its tensors cloned; gradients flow through the clones."""
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {key: copied_value(item) for key, item in value.items()}
    return [copied_value(item) for item in value] if isinstance(value, (tuple, list)) else value


class Taps:
    """Captures module outputs (or inputs) by name during a forward pass.

    A path is a module's name as in ``named_modules()``. ``layer4:input`` takes the module's first positional
    input; ``backbone[2]`` picks one element of a tuple or list. A module that runs several times in one pass
    (a head shared by pyramid levels) gives the list of its values, in order.

    Args:
        model: the network; hooks are put on it and removed by `close`.
        paths: tap name -> module path.
        owner: what to call the network in messages.
        shared: copies of the holder share these taps, as they share a frozen teacher.

    Raises:
        ConfigError: for a path that does not exist.
    """

    def __init__(self, model: nn.Module, paths: Mapping[str, str], owner: str = "student", shared: bool = False):
        self.paths = dict(paths)
        self.owner = owner
        self.shared = shared
        self._values: dict[str, list[Any]] | None = None
        self._watched: dict[str, list[tuple[Tensor, int]]] = {}
        self._cloned: set[str] = set()
        self._fires: int | None = None
        self._passes = 0
        self._stop_early = False
        self._handles = [self._attach(model, name, path) for name, path in self.paths.items()]

    def _attach(self, model: nn.Module, name: str, path: str):
        match = _PATH.match(path)
        if match is None or not match["module"]:
            raise ConfigError(
                f"cannot read tap path {path!r}: expected 'a.b.c', 'a.b:input' or 'a.b[1]' but found {path!r}"
            )
        module = find_module(model, match["module"])
        index = None if match["index"] is None else int(match["index"])
        hook = functools.partial(self._record, name, bool(match["input"]), index)
        # Before the module runs: it may overwrite its input.
        return module.register_forward_pre_hook(hook) if match["input"] else module.register_forward_hook(hook)

    def _record(self, name: str, is_input: bool, index: int | None, module: nn.Module, inputs, output=None) -> None:
        if self._values is None:
            return
        value = self._pick(name, is_input, index, inputs, output)
        is_first = self._passes < _PASSES_TO_LEARN
        watched = copied_value(value) if name in self._cloned else value
        self._watched.setdefault(name, []).extend((tensor, tensor._version) for tensor in tensors_in(watched))
        self._values.setdefault(name, []).append(copied_value(value) if is_first else watched)
        if self._stop_early and self._fires == sum(map(len, self._values.values())):
            raise _AllCaptured

    def _pick(self, name: str, is_input: bool, index: int | None, inputs: tuple, output: Any) -> Any:
        path = self.paths[name]
        if is_input and not inputs:
            raise ConfigError(
                f"tap {name!r} at {path!r} of the {self.owner}: the module is called without a positional input; "
                f"tap the output of the module before it"
            )
        value = inputs[0] if is_input else output
        if index is None:
            return value
        try:
            return value[index]
        except (IndexError, KeyError, TypeError) as error:
            found = f"{len(value)} elements" if isinstance(value, (tuple, list)) else type(value).__name__
            raise ConfigError(
                f"tap {name!r} at {path!r} of the {self.owner}: expected a tuple or list with element {index} but "
                f"found {found}"
            ) from error

    @contextmanager
    def capture(self, stop_early: bool = False) -> Iterator[dict[str, Any]]:
        """Record while the block runs; the yielded dict is filled when it ends.

        Args:
            stop_early: end the forward pass once every tap has fired as often as in the first pass.

        Raises:
            ConfigError: if a tap did not fire, or if an in-place operation overwrote its value that did not in
                the first passes, so that no copy was made.
        """
        self._values, self._watched, self._stop_early = {}, {}, stop_early
        captured: dict[str, Any] = {}
        try:
            with suppress(_AllCaptured):
                yield captured
            values = self._values
        finally:
            self._values = None
            watched, self._watched = self._watched, {}
        self._check(values, watched)
        self._fires = sum(map(len, values.values()))
        self._passes += 1
        for name in self.paths:
            captured[name] = values[name][0] if len(values[name]) == 1 else values[name]

    def _check(self, values: dict[str, list[Any]], watched: dict[str, list[tuple[Tensor, int]]]) -> None:
        silent = [name for name in self.paths if name not in values]
        if silent:
            raise ConfigError(
                f"tap {silent[0]!r} at {self.paths[silent[0]]!r} of the {self.owner} never fired: the module is "
                f"there but its forward did not run; tap a module inside it, or one that runs in this mode"
            )
        for name, tensors in watched.items():
            if any(tensor._version != version for tensor, version in tensors):
                if self._passes >= _PASSES_TO_LEARN:
                    raise ConfigError(
                        f"tap {name!r} at {self.paths[name]!r} of the {self.owner} was overwritten in place "
                        f"after it was captured, though not in the first passes; tap another module"
                    )
                self._cloned.add(name)

    @property
    def overwritten(self) -> frozenset[str]:
        """Taps whose value a later in-place operation changed in the first passes; they are copied in all."""
        return frozenset(self._cloned)

    def __deepcopy__(self, memo: dict) -> Taps:
        if self.shared:
            return self
        duplicate = type(self).__new__(type(self))
        memo[id(self)] = duplicate
        duplicate.__dict__ = copy.deepcopy(self.__dict__, memo)
        return duplicate

    def close(self) -> None:
        """Remove every hook from the network."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
