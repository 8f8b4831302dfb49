"""Teachers from configs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from common.checkpoint import load_strictly, others_beside, read_checkpoint, state_dict_of
from common.config import read_config
from common.errors import CheckpointError, ConfigError, did_you_mean
from common.provenance import portable_path
from common.teacher import EMATeacher, FrozenTeacher

DTYPES = ("float32", "float16", "bfloat16")
TEACHER_KEYS = ("config", "model", "checkpoint", "mode", "dtype", "trust", "ema", "cache")


def build_teacher(name: str, cfg: Mapping[str, Any], student: nn.Module | None = None) -> FrozenTeacher:
    """Build, load and freeze the teacher that a `Distiller` config describes under ``name``.

    Args:
        student: what a teacher with ``ema`` follows.

    Raises:
        ConfigError: for an unknown key or a missing config.
        CheckpointError: if the checkpoint does not cover the model.
    """
    for key in cfg:
        if key not in TEACHER_KEYS:
            raise ConfigError(f"teacher {name!r}: unknown key {key!r}{did_you_mean(key, TEACHER_KEYS)}")
    if "ema" in cfg:
        if len(cfg) > 1:
            raise ConfigError(f"teacher {name!r}: expected ema= alone but found {', '.join(cfg)}")
        return EMATeacher(student, cfg["ema"], name)
    model_cfg = cfg.get("model")
    if model_cfg is None:
        model_cfg = teacher_model_config(name, cfg)
    covered = cfg.get("checkpoint") is not None
    model = MODELS.build(without_pretrained(model_cfg) if covered else model_cfg)
    if covered:
        path = cfg["checkpoint"]
        if cfg.get("config") and "://" not in str(path) and not Path(path).is_file():
            raise CheckpointError(
                f"teacher {name!r}: expected a checkpoint at {path} but found none{others_beside(path)}; train it "
                f"(python tools/train.py {portable_path(cfg['config'])}), or name another "
                f"(--cfg-options model.teachers.{name}.checkpoint=FILE)"
            )
        state = state_dict_of(read_checkpoint(path, cfg.get("trust", False)), model.state_dict())
        load_strictly(model, state, f"checkpoint {cfg['checkpoint']} of teacher {name!r}")
    elif "checkpoint" not in cfg:
        raise ConfigError(
            f"teacher {name!r} has no checkpoint; name one (checkpoint=None: it keeps what its model starts with)"
        )
    elif hasattr(model, "init_weights"):
        model.init_weights()  # the engine would, but sees no teacher
    dtype = cfg.get("dtype")
    if dtype not in (None, *DTYPES):
        hint = did_you_mean(str(dtype), DTYPES)
        raise ConfigError(f"teacher {name!r}: expected dtype None, {', '.join(DTYPES)} but found {dtype!r}{hint}")
    return FrozenTeacher(model, name, cfg.get("mode", "eval"), getattr(torch, dtype) if dtype else None)


def teacher_model_config(name: str, cfg: Mapping[str, Any]) -> dict:
    """The model config in the config file that a teacher's ``config`` names; of a Distiller, its student."""
    if "config" not in cfg:
        raise ConfigError(f"teacher {name!r} needs config= (a config file) or model= (a model config)")
    loaded = read_config(cfg["config"])
    if "model" not in loaded:
        raise ConfigError(f"teacher {name!r}: expected a config with a model at {cfg['config']} but found none in it")
    init_default_scope(loaded.get("default_scope", "mmengine"))
    model = loaded.model
    return model.student if model.get("type") == "Distiller" else model


def without_pretrained(model_cfg: Any) -> Any:
    """A copy of a model config that fetches nothing.

    ``pretrained``, ``weights`` that are a name and ``Pretrained`` init_cfgs become None.
    """
    if isinstance(model_cfg, Mapping):
        if _is_pretrained(model_cfg):
            return None
        return type(model_cfg)(
            {k: None if _names_weights(k, v) else without_pretrained(v) for k, v in model_cfg.items()}
        )
    if isinstance(model_cfg, (list, tuple)):
        return type(model_cfg)(without_pretrained(item) for item in model_cfg if not _is_pretrained(item))
    return model_cfg


def _is_pretrained(cfg: Any) -> bool:
    return isinstance(cfg, Mapping) and cfg.get("type") == "Pretrained"


def _names_weights(key: str, value: Any) -> bool:
    return key == "pretrained" or (key == "weights" and isinstance(value, str))


def input_conversion(student: nn.Module, teacher: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """What turns the student's preprocessed images into the teacher's; None where they are the same.

    Known are image preprocessors of the engine, with ``mean`` and ``std`` (``(C, 1, 1)``; 0 and 1 where they do not
    normalise) and a channel order, and those that leave values as they are. Two of one other kind are taken to agree.

    Raises:
        ConfigError: for a preprocessor of which nothing is known beside one of another kind.
    """
    if not all(map(_is_known, (student, teacher))):
        if type(student) is type(teacher):
            return None
        raise ConfigError(
            "expected a student's and a teacher's data_preprocessor of one kind, or ones that normalise as the "
            f"engine's ImgDataPreprocessor, but found {type(student).__name__} and {type(teacher).__name__}; give both "
            "models the same data_preprocessor"
        )
    own_mean, own_std, own_flip = normalisation(student)
    mean, std, flip = normalisation(teacher)
    turn = own_flip != flip
    if not turn and torch.equal(own_mean, mean) and torch.equal(own_std, std):
        return None

    def convert(images: Tensor) -> Tensor:
        raw = images * own_std.to(images) + own_mean.to(images)
        raw = raw.flip(1) if turn else raw
        return (raw - mean.to(images)) / std.to(images)

    return convert


def _is_known(preprocessor: nn.Module) -> bool:
    return type(preprocessor) is BaseDataPreprocessor or hasattr(preprocessor, "_enable_normalize")


def normalisation(preprocessor: nn.Module) -> tuple[Tensor, Tensor, bool]:
    """Mean and standard deviation (``[C, 1, 1]``) that images are normalised with, and whether channels are turned."""
    flip = getattr(preprocessor, "_channel_conversion", False)
    if not getattr(preprocessor, "_enable_normalize", False):
        return torch.zeros(1, 1, 1), torch.ones(1, 1, 1), flip
    return preprocessor.mean.detach().cpu(), preprocessor.std.detach().cpu(), flip
