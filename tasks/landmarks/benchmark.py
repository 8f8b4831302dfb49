"""What distilling a landmark network costs: with its teachers, and with what they say stored."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.utils.data import Dataset

import tasks.landmarks  # noqa: F401
from common.benchmark import STEP, STUDENT_STEP, TEACHER_FORWARD, Comparison, Options, engine_step
from common.config import read_config
from common.cost import count_parameters
from common.errors import ConfigError
from common.provenance import portable_path
from common.sample_batch import LoadedTogether, join_samples
from common.teacher import FrozenTeacher
from common.teacher_config import teacher_model_config, without_pretrained

STORED = "{}, stored points,"


class NoiseFaces(Dataset):
    """Crops of noise ``[count, 3, size, size]`` with points anywhere in their middle halves."""

    deterministic = True

    def __init__(self, count: int, size: int, num_points: int):
        generator = torch.Generator().manual_seed(0)
        self.crops = torch.randint(256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
        self.points = torch.rand(count, 2 * num_points, generator=generator) / 2 - 0.25
        self.fingerprint = hashlib.sha256(self.crops.numpy().tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.crops)

    def __getitems__(self, positions: Sequence[int]) -> LoadedTogether:
        """The crops at ``positions``; soft points are the points."""
        index = torch.as_tensor(positions)
        points = self.points[index]
        return LoadedTogether(self.crops[index], gt_points=points, gt_soft=points, gt_index=index)


def landmarks(options: Options, config: str, name: str = "kd") -> Comparison:
    """A plain step of a student, the forward passes of all its teachers, and a step that distils them.

    Where the config stores what its teachers say, a second step has it looked up. A step is what a run of the engine
    does with a batch: preprocessing, forward, losses, backward, optimiser, and the check for finite losses. Weights and
    crops are random and the learning rate is 0, so that every round computes the same.

    Args:
        options: batch, device, and the size of the crops, of equal sides.
        config: that distils, such as configs/landmarks/kd_faces68.py.
        name: of the distillation, in the names of its steps.

    Raises:
        ConfigError: for a config that is missing, or distils nothing; crops that are not square; or compiled networks.
    """
    if options.compile:
        raise ConfigError("expected landmarks without --compile, which is for classifiers and segmentation")
    cfg = read_config(config)
    if options.size[0] != options.size[1]:
        raise ConfigError(f"expected --size of two equal sides for faces but found {options.size}")
    if cfg.model.type != "Distiller":
        raise ConfigError(f"expected a config that distils, such as kd_faces68.py, but found {config}")
    init_default_scope(cfg.get("default_scope", "mmengine"))
    torch.manual_seed(0)
    student = without_pretrained(cfg.model.student)
    plain = options.place(MODELS.build(ConfigDict({**student, "loss_weight": 1.0}))).train()
    faces = NoiseFaces(options.batch, options.size[0], plain.network.num_points)
    batch = join_samples(faces.__getitems__(range(options.batch)))
    teachers = _teachers(cfg, options)
    images = plain.data_preprocessor({"inputs": batch["inputs"]}, False)["inputs"].to(options.device)

    def forward_teachers() -> None:
        with options.autocast():
            for teacher in teachers.values():
                teacher(images, None, mode="tensor")

    phases = {STUDENT_STEP: engine_step(plain, cfg, batch, options), TEACHER_FORWARD: forward_teachers}
    stores = any(settings.get("cache") for settings in cfg.model.teachers.values())
    for stored in (False, True) if stores else (False,):
        label = STORED.format(name) if stored else name
        phases[STEP.format(label)] = engine_step(_distiller(cfg, student, options, faces, stored), cfg, batch, options)
    return Comparison(
        phases=phases,
        steps=[phase for phase in phases if phase not in (STUDENT_STEP, TEACHER_FORWARD)],
        facts={
            "config": portable_path(config),
            "student_parameters": count_parameters(plain),
            **{f"{each}_parameters": count_parameters(teacher.model) for each, teacher in teachers.items()},
        },
    )


def _teachers(cfg: Config, options: Options) -> Mapping[str, FrozenTeacher]:
    models = {
        name: without_pretrained(teacher_model_config(name, settings)) for name, settings in cfg.model.teachers.items()
    }
    return {name: FrozenTeacher(options.place(MODELS.build(ConfigDict(model)))) for name, model in models.items()}


def _distiller(cfg: Config, student: Mapping[str, Any], options: Options, faces: Dataset, stored: bool) -> nn.Module:
    settings = cfg.model.copy()
    settings.update(student=student, start=None)
    with tempfile.TemporaryDirectory() as folder:
        for teacher in settings.teachers.values():
            teacher.update(checkpoint=None, dtype=options.teacher_dtype)
            teacher.cache = {"folder": folder, "dataset": faces} if stored else None
        return options.place(MODELS.build(settings)).train()
