"""The transforms that a network of mmseg or mmdet was tested with, for images that are in memory already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmcv.transforms import Compose, LoadAnnotations, LoadImageFromFile
from mmengine import Config
from mmengine.registry import Registry

from common.errors import ConfigError


def prediction_steps(cfg: Config, transforms: Registry) -> list[tuple[Mapping[str, Any], type]]:
    """The config's test transforms without those that load files: settings and class of each.

    Args:
        cfg: a config of mmseg or mmdet.
        transforms: the package's registry of transforms.

    Raises:
        ConfigError: if the config has no test or validation pipeline, or a transform is unknown.
    """
    for loader in ("test_dataloader", "val_dataloader"):
        steps = ((cfg.get(loader) or {}).get("dataset") or {}).get("pipeline")
        if steps:
            break
    else:
        steps = cfg.get("test_pipeline")
    if not steps:
        raise ConfigError(
            f"expected test_dataloader.dataset.pipeline (or test_pipeline) but found none in {cfg.filename}; "
            "add the transforms that the network was tested with"
        )
    pairs = [(step, _transform_class(step["type"], transforms)) for step in steps]
    return [(step, found) for step, found in pairs if not issubclass(found, (LoadImageFromFile, LoadAnnotations))]


def prediction_pipeline(cfg: Config, transforms: Registry) -> Compose:
    """The transforms of `prediction_steps`, ready for a sample with ``img``.

    Raises:
        ConfigError: as there.
    """
    return Compose([step for step, _ in prediction_steps(cfg, transforms)])


def _transform_class(name: str | type, transforms: Registry) -> type:
    found = transforms.get(name) if isinstance(name, str) else name
    if found is None:
        raise ConfigError(f"expected a known transform in the test pipeline but found {name!r}")
    return found
