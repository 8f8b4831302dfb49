"""What constructors say of a key that they do not know, told in the words of a config."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import torch
from mmengine import registry
from mmengine.registry import Registry

from common.errors import did_you_mean

_UNEXPECTED = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")


def explain(error: Exception) -> str:
    """An error's text in one line; of an unexpected keyword argument, who has no such key and the nearest that it has.

    >>> explain(TypeError("DataLoader.__init__() got an unexpected keyword argument 'num_worker'"))
    "DataLoader has no key 'num_worker'; did you mean 'num_workers'?"
    """
    text = " ".join(str(error).split())
    found = _UNEXPECTED.search(text)
    if not found:
        return text
    name, key = found.groups()
    kind = next((kind for kind in _registered() if kind.__name__ == name), None)
    known = inspect.signature(kind).parameters if kind else ()
    return f"{name} has no key {key!r}{did_you_mean(key, known, count=1)}"


def _registered() -> Iterator[type]:
    """What configs can name, and what that is derived from."""
    yield torch.utils.data.DataLoader  # which the engine names by itself
    for each in vars(registry).values():
        if isinstance(each, Registry):
            for kind in _of(each):
                yield from getattr(kind, "__mro__", (kind,))


def _of(each: Registry) -> Iterator[type]:
    yield from each.module_dict.values()
    for child in each.children.values():
        yield from _of(child)
