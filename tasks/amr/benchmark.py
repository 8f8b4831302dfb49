"""What distilling a network for IQ frames costs: with its teacher, and with the teacher's scores stored."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from torch.utils.data import Dataset

import tasks.amr  # noqa: F401
from common.benchmark import STEP, STUDENT_STEP, TEACHER_FORWARD, Comparison, Options, engine_step
from common.config import read_config
from common.cost import count_parameters
from common.errors import ConfigError
from common.provenance import portable_path
from common.sample_batch import LoadedTogether, join_samples
from common.teacher import FrozenTeacher
from common.teacher_config import teacher_model_config
from tasks.amr.methods import distilled_config

STORED = "{}, stored scores,"


class NoiseFrames(Dataset):
    """Frames of noise ``[count, 2, length]``, of all classes in turn."""

    deterministic = True

    def __init__(self, count: int, length: int, classes: int):
        generator = torch.Generator().manual_seed(0)
        self.frames = torch.randn(count, 2, length, generator=generator)
        self.labels = torch.arange(count) % classes
        self.fingerprint = hashlib.sha256(self.frames.numpy().tobytes()).hexdigest()

    def __len__(self) -> int:
        return len(self.frames)

    def __getitems__(self, positions: Sequence[int]) -> LoadedTogether:
        """The frames at ``positions``, at 0 dB."""
        index = torch.as_tensor(positions)
        snr = torch.zeros(len(index))
        return LoadedTogether(self.frames[index], gt_label=self.labels[index], gt_index=index, gt_snr=snr)


def signals(options: Options, student: str, teacher: str, methods: Sequence[str]) -> Comparison:
    """A plain step of a student, its teacher's forward pass, and a distillation step by each method.

    Methods that need the teacher's class scores alone have a second step, in which these are looked up. A step is what
    a run of the engine does with a batch: preprocessing, forward, losses, backward, optimiser, and the check for finite
    losses. Weights and frames are random and the learning rate is 0, so that every round computes the same.

    Args:
        options: batch and device; ``size`` is (2, length of a frame).
        student: config of the student alone.
        teacher: config of the teacher.
        methods: keys of `tasks.amr.methods.METHODS`.

    Raises:
        ConfigError: for an unknown method, configs that are missing or do not fit together, or compiled networks.
    """
    if options.compile or options.channels_last:
        raise ConfigError("expected amr without --compile and --channels-last, which are for images, but found one")
    cfg = read_config(student)
    init_default_scope(cfg.get("default_scope", "mmengine"))
    torch.manual_seed(0)
    length, classes = cfg.model.network.length, cfg.model.network.num_classes
    if options.size != (2, length):
        raise ConfigError(f"expected --size 2x{length}, as {student} has it, but found {options.size}")
    frames = NoiseFrames(options.batch, length, classes)
    batch = join_samples(frames.__getitems__(range(options.batch)))
    plain = options.place(MODELS.build(cfg.model)).train()
    taught = MODELS.build(ConfigDict(teacher_model_config("teacher", {"config": teacher})))
    frozen = FrozenTeacher(options.place(taught))
    inputs = batch["inputs"].to(options.device)

    def forward_teacher() -> None:
        with options.autocast():
            frozen(inputs, None, mode="tensor")

    phases = {STUDENT_STEP: engine_step(plain, cfg, batch, options), TEACHER_FORWARD: forward_teacher}
    for method in methods:
        distilled = distilled_config(cfg, teacher, "", method).model
        settings = distilled.teachers.teacher
        stores = settings.pop("cache", None) is not None
        settings.update(checkpoint=None, dtype=options.teacher_dtype)
        phases[STEP.format(method)] = engine_step(options.place(MODELS.build(distilled)).train(), cfg, batch, options)
        if stores:
            with tempfile.TemporaryDirectory() as folder:
                settings.cache = {"folder": folder, "dataset": frames}
                model = options.place(MODELS.build(distilled)).train()
            phases[STEP.format(STORED.format(method))] = engine_step(model, cfg, batch, options)
    return Comparison(
        phases=phases,
        steps=[name for name in phases if name not in (STUDENT_STEP, TEACHER_FORWARD)],
        facts={
            "student": portable_path(student),
            "teacher": portable_path(teacher),
            "classes": classes,
            "student_parameters": count_parameters(plain),
            "teacher_parameters": count_parameters(taught),
        },
    )
