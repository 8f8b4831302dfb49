"""Transforms of mmcv, mmseg and mmdet in a config's pipelines, for which ours stand in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from mmengine.config import Config

PARTS = ("train", "val", "test")


def stock_transforms(cfg: Config, names: Collection[str], package: str) -> Iterator[tuple[dict, str]]:
    """The transforms of some names in all pipelines of a config's data loaders, nested ones included.

    Args:
        cfg: a config.
        names: of transforms as mmcv and the package have them.
        package: ``'mmseg'`` or ``'mmdet'``.

    Returns:
        Each transform's settings, to be changed in place, and its name without the package.
    """
    packages = ("", "mmcv", package)  # a name without a package is what registries take
    for part in PARTS:
        loader = cfg.get(f"{part}_dataloader") or {}
        yield from _found(loader.get("dataset"), names, packages)


def _found(settings: Any, names: Collection[str], packages: Collection[str]) -> Iterator[tuple[dict, str]]:
    if isinstance(settings, (list, tuple)):
        for value in settings:
            yield from _found(value, names, packages)
    elif isinstance(settings, dict):
        name = _name_of(settings.get("type"), packages)
        if name in names:
            yield settings, name
        for value in settings.values():
            yield from _found(value, names, packages)


def _name_of(kind: Any, packages: Collection[str]) -> str:
    """A transform's name without its package, or an empty string where it is another package's."""
    path = f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else str(kind)
    package, _, name = path.rpartition(".")
    return name if package.partition(".")[0] in packages else ""


def import_also(cfg: Config, *modules: str) -> None:
    """Let a config import modules before it is built, beside those that it names, in place."""
    imports = dict(cfg.get("custom_imports") or {})
    imports["imports"] = list(dict.fromkeys([*imports.get("imports", []), *modules]))
    imports.setdefault("allow_failed_imports", False)
    cfg["custom_imports"] = imports
