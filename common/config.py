"""Reading run configs: unknown keys are errors, and runs are made resumable and reproducible."""

from __future__ import annotations

import copy
import inspect
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.runner import Runner

from common.errors import ConfigError, did_you_mean

RUNNER_KEYS = frozenset(inspect.signature(Runner.__init__).parameters) - {"self", "cfg"} | {
    "custom_imports",
    "env_cfg",
    "log_level",
    "task",  # of this suite, see tasks.task_of
    # read by the runner beside its constructor's arguments
    *("activation_checkpointing", "compile", "efficient_conv_bn_eval", "find_unused_parameters"),
    *("model_wrapper_cfg", "runner_type", "sync_bn"),
}
# Names that OpenMMLab configs use for values of their own; the engine itself does not read them.
CONVENTIONAL_KEYS = frozenset(
    {
        *("backend_args", "checkpoint_file", "classes", "crop_size", "data_preprocessor", "data_root", "dataset_type"),
        *("cudnn_benchmark", "img_scales", "input_size", "max_epochs"),
        *("img_ratios", "img_scale", "log_config", "norm_cfg", "num_classes", "optimizer", "palette", "vis_backends"),
        *("train_pipeline", "val_pipeline", "test_pipeline", "tta_model", "tta_pipeline"),
    }
)
HOOKS = ("SplitCheckpointHook", "JoinCheckpointHook", "SeededStepHook", "FiniteLossHook", "ProgressHook")


class ReadOptions(DictAction):
    """Reads ``KEY=VALUE`` on a command line: numbers, texts, None, True, ``[1, 2]`` and ``(1, 2)``.

    Raises:
        ConfigError: for anything else.
    """

    def __call__(self, parser: ArgumentParser, namespace: Namespace, values: list[str], option: str | None = None):
        """Put the options into the namespace."""
        try:
            super().__call__(parser, namespace, values, option)
        except (ValueError, AssertionError, RecursionError) as error:
            raise ConfigError(
                f"{option}: expected KEY=VALUE with a number, text, list or tuple as value but found "
                f"{' '.join(values)}; a dict is set key by key (model.backbone.depth=18)"
            ) from error


def read_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a config file and override single values.

    Args:
        path: an mmengine Python config.
        options: ``{'dotted.key': value}``.

    Raises:
        ConfigError: if the file is missing or broken, or an option's top-level key is unknown.
    """
    path = Path(path)
    # The fork is installed under another name than the engine asks for; the engine would install the original over it.
    MODULE2PACKAGE.update(mmseg="mmseg", mmdet="mmdet")
    if not path.is_file():
        nearby = [str(other) for other in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        raise ConfigError(f"expected a config file at {path} but found none{did_you_mean(str(path), nearby)}")
    try:
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is Python: anything can go wrong in it
        raise ConfigError(
            f"expected a readable config but {path} fails with {type(error).__name__}: {error}"
        ) from error
    for key in options or {}:
        first = key.split(".")[0]
        known = RUNNER_KEYS | set(cfg.keys())
        if first not in known:
            meant = did_you_mean(first, known) or _did_you_mean_nested(key, cfg)
            raise ConfigError(f"--cfg-options {key}: no config key {first!r}{meant}")
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise ConfigError(f"--cfg-options {' '.join(options)} does not fit {path}: {error}") from error
    return cfg


def _did_you_mean_nested(key: str, cfg: Config) -> str:
    """For ``max_iters``, which stands in another key: ``"; did you mean 'train_cfg.max_iters'?"``."""
    last = key.split(".")[-1]
    paths = [path for path in _paths(cfg) if path.split(".")[-1] == last]
    paths = paths or [path for path in _paths(cfg) if get_close_matches(last, [path.split(".")[-1]], cutoff=0.85)]
    return f"; did you mean {' or '.join(map(repr, paths[:3]))}?" if paths else ""


def _paths(cfg: Any, prefix: str = "") -> Iterator[str]:
    for key, value in cfg.items() if isinstance(cfg, (Config, Mapping)) else ():
        if not str(key).startswith("_"):
            yield f"{prefix}{key}"
            yield from _paths(value, f"{prefix}{key}.")


def check_keys(cfg: Config, strict: bool) -> None:
    """Refuse top-level keys that the engine would silently ignore.

    Args:
        cfg: the config of a run.
        strict: refuse every unknown key that does not start with an underscore; otherwise only those close to a
            known one, since others may be values that the config keeps for itself.

    Raises:
        ConfigError: naming the key and the nearest known ones.
    """
    for key in cfg:
        if key in RUNNER_KEYS or key in CONVENTIONAL_KEYS or key.startswith("_"):
            continue
        hint = did_you_mean(key, RUNNER_KEYS)
        if strict:
            hint = hint or "; a value of the config's own starts with an underscore"
            raise ConfigError(f"unknown config key {key!r} in {cfg.filename}{hint}")
        if get_close_matches(key, RUNNER_KEYS, n=1, cutoff=0.85):
            raise ConfigError(f"unknown config key {key!r} in {cfg.filename}{hint}")


def student_config(cfg: Config) -> ConfigDict:
    """The model of a config, of a distillation its student.

    Raises:
        ConfigError: if there is none.
    """
    if not cfg.get("model"):
        raise ConfigError(f"expected a model in {cfg.filename} but found none")
    return cfg.model.student if cfg.model.get("type") == "Distiller" else cfg.model


def prepare_run(cfg: Config, seed: int | None = None, work_dir: str | None = None) -> Config:
    """Complete a config so that its run is seeded, resumable and leaves plain student checkpoints.

    Infinite samplers become `common.sampling.SeededSampler`, the training data is wrapped in `SeededDataset`, the
    hooks of `common.hooks` are added, a work folder and a seed are set where there are none, and a teacher's ``cache``
    is told which data it is of.
    """
    cfg = copy.deepcopy(cfg)
    randomness = dict(cfg.get("randomness") or {})
    randomness["seed"] = seed if seed is not None else randomness.get("seed") or 0
    cfg.randomness = randomness
    cfg.work_dir = work_dir or cfg.get("work_dir") or f"work_dirs/{Path(cfg.filename or 'run').stem}"
    imports = dict(cfg.get("custom_imports") or {})
    imports["imports"] = list(dict.fromkeys([*imports.get("imports", []), "common.engine"]))
    imports.setdefault("allow_failed_imports", False)
    cfg.custom_imports = imports
    loader = cfg.get("train_dataloader")
    for teacher in ((cfg.get("model") or {}).get("teachers") or {}).values() if loader is not None else ():
        if isinstance(teacher.get("cache"), str):
            teacher.cache = dict(folder=teacher.cache, dataset=copy.deepcopy(loader.dataset))
    if loader is not None and loader.get("sampler", {}).get("type") == "InfiniteSampler":
        loader.sampler.type = "SeededSampler"
        loader.dataset = dict(type="SeededDataset", dataset=loader.dataset)
    losses = (cfg.get("model") or {}).get("losses") or {}
    if any(isinstance(loss.get("weight"), dict) for loss in losses.values()):
        # While a scheduled weight is 0 its adapter gets no gradient, which several processes must expect.
        cfg.setdefault("find_unused_parameters", True)
    _choose_backend(cfg)
    if cfg.get("model", {}).get("type") == "Distiller" and "data_preprocessor" in cfg:
        # The runner would hand it to the outer model.
        cfg.model.student.setdefault("data_preprocessor", cfg.pop("data_preprocessor"))
    present = {hook["type"] for hook in cfg.get("custom_hooks") or []}
    added = [dict(type=name) for name in HOOKS if name not in present]
    cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), *added]
    return cfg


def _choose_backend(cfg: Config) -> None:
    """Let several processes without GPUs talk through gloo, and wrap their model as DDP wants it on a CPU."""
    if torch.cuda.is_available():
        return
    environment = cfg.get("env_cfg") or {}
    cfg.env_cfg = {**environment, "dist_cfg": {**(environment.get("dist_cfg") or {}), "backend": "gloo"}}
    if cfg.get("launcher", "none") != "none":
        cfg.model_wrapper_cfg = {
            "type": "MMDistributedDataParallel",
            "broadcast_buffers": False,
            "find_unused_parameters": cfg.get("find_unused_parameters", False),
            **(cfg.get("model_wrapper_cfg") or {}),
            "device_ids": None,
        }
