"""Configs that mmseg or mmdet read by themselves, of networks that were trained here."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from mmengine import Config
from mmengine.registry import Registry
from torch import nn

from common.config import student_config
from common.teacher_config import without_pretrained

PLAIN_PACKAGES = ("mmseg", "mmcv", "mmengine", "mmdet", "mmpretrain", "torch", "torchvision", "timm")
LABEL_LOADERS = ("LoadAnnotations",)


@dataclass(frozen=True)
class Package:
    """What a package of the engine's family has to read a config with.

    Attributes:
        scope: its name, and that of its registries.
        datasets: its registry of data sets.
        transforms: of transforms.
        metrics: of evaluators.
        dataset: a data set without files for networks that were trained on one that it lacks.
        pipeline: for networks whose config has none that it knows.
        evaluator: for networks whose config has none that it knows.
    """

    scope: str
    datasets: Registry
    transforms: Registry
    metrics: Registry
    dataset: str
    pipeline: tuple[dict[str, Any], ...]
    evaluator: dict[str, Any]


def foreign_modules(model: nn.Module) -> list[str]:
    """Names of the classes in a network that the packages do not have, sorted."""
    classes = {type(module) for module in model.modules()}
    return sorted(
        f"{found.__module__}.{found.__qualname__}"
        for found in classes
        if found.__module__.split(".")[0] not in PLAIN_PACKAGES
    )


def plain_config(cfg: Config, dataset_meta: dict[str, Any], package: Package) -> tuple[Config, list[str]]:
    """The student of a config as a config that a package alone reads, tests and predicts with.

    Args:
        cfg: a plain config, or that of a distillation run, whose student is taken.
        dataset_meta: {'classes', 'palette'} of the network.
        package: which is to read it.

    Returns:
        The config, and the transforms that it had to leave out because the packages do not have them; one that is
        derived from a transform of theirs becomes that transform. A data set that the package does not have is
        replaced by its ``dataset`` without files.
    """
    loader, own_dataset = _test_loader(cfg, package)
    steps = loader["dataset"].get("pipeline") or cfg.get("test_pipeline") or []
    plain_steps = [_plain_step(step, package) for step in steps]
    left_out = [str(step["type"]) for step, kept in zip(steps, plain_steps, strict=True) if kept is None]
    pipeline = [step for step in plain_steps if step is not None]
    if own_dataset:
        pipeline = [step for step in pipeline if step["type"] not in LABEL_LOADERS]
        metainfo = {key: list(dataset_meta[key]) for key in ("classes", "palette")}
        loader["dataset"] = {"type": package.dataset, "metainfo": metainfo}
    pipeline = pipeline or [dict(step) for step in package.pipeline]
    loader["dataset"]["pipeline"] = pipeline
    content = {
        "default_scope": package.scope,
        "model": without_pretrained(student_config(cfg).to_dict()),  # the weights come from the checkpoint
        "test_pipeline": pipeline,
        "test_dataloader": loader,
        "test_cfg": {"type": "TestLoop"},
        "test_evaluator": package.evaluator,
    }
    evaluator = cfg.get("test_evaluator")
    if isinstance(evaluator, dict) and _is_plain(package.metrics, evaluator["type"]):
        content["test_evaluator"] = evaluator.to_dict()
    return Config(content), left_out


def _test_loader(cfg: Config, package: Package) -> tuple[dict[str, Any], bool]:
    """The config's test (else validation) loader, and whether its data set is one that the package lacks."""
    for name in ("test_dataloader", "val_dataloader"):
        loader = cfg.get(name)
        if loader and "dataset" in loader:
            return loader.to_dict(), not _is_plain(package.datasets, loader.dataset.type)
    sampler = {"type": "DefaultSampler", "shuffle": False}
    return {"batch_size": 1, "num_workers": 0, "sampler": sampler, "dataset": {}}, True


def _plain_step(step: dict[str, Any], package: Package) -> dict[str, Any] | None:
    """A package's or mmcv's transform with the arguments that it knows, or None where there is none behind ``step``."""
    found = step["type"] if isinstance(step["type"], type) else package.transforms.get(step["type"])
    for base in found.__mro__ if found else ():
        if _is_plain(package.transforms, base) and _is_plain(package.transforms, base.__name__):
            known = inspect.signature(base.__init__).parameters
            arguments = {key: value for key, value in step.items() if key in known or base is found}
            return {**arguments, "type": base.__name__}
    return None


def _is_plain(registry: Registry, name: str | type) -> bool:
    found = name if isinstance(name, type) else registry.get(name)
    return found is not None and found.__module__.split(".")[0] in PLAIN_PACKAGES
