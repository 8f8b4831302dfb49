"""What distilling a segmentation network costs, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

import tasks.seg  # noqa: F401  (registers mmseg's networks and ours)
from common.benchmark import (
    CRITIC_STEP,
    LOSS,
    STEP,
    STUDENT_STEP,
    TEACHER_FORWARD,
    Comparison,
    Options,
    critic_alone,
    engine_step,
    loss_alone,
    placed,
)
from common.config import read_config
from common.cost import count_parameters
from common.errors import ConfigError, did_you_mean
from common.provenance import portable_path
from common.taps import tensors_in
from common.teacher import FrozenTeacher
from common.teacher_config import teacher_model_config, without_pretrained
from common.training import forget_pretrained
from tasks.seg.clip_benchmark import CLIP_METHODS, NEXT_FRAME, add_neighbours, clip_config, clip_floor, clip_parts
from tasks.seg.methods import METHODS, distilled_config


def segmentation(options: Options, student: str, teacher: str, methods: Sequence[str]) -> Comparison:
    """A plain step of a student, its teacher's forward pass, and a distillation step by each method.

    With methods on two frames of a video there are also the student's pass on the second frame, which is part of their
    floor, as is the teacher's where they use it; and, each by itself, warping, optical flow, and the critic's step.

    A step is what a run of the engine does with a batch of raw images: normalising, forward with mmseg's own losses
    and accuracy, backward, optimiser, and the check for finite losses. Weights are random and the learning rate
    is 0, so that every round computes the same.

    Args:
        options: size, batch and device.
        student: config of the student alone.
        teacher: config of the teacher.
        methods: keys of `tasks.seg.methods.METHODS`, or of `tasks.seg.clip_benchmark.CLIP_METHODS`.

    Raises:
        ConfigError: for configs that are missing or do not fit together, or an unknown method.
    """
    _check_methods(methods)
    cfg = read_config(student)
    init_default_scope(cfg.get("default_scope", "mmseg"))
    torch.manual_seed(0)
    forget_pretrained(cfg)
    cfg.model.data_preprocessor.size = options.size
    cfg.model.data_preprocessor.pop("size_divisor", None)
    teacher_cfg = without_pretrained(teacher_model_config("teacher", {"config": teacher}))
    models = {method: _distiller(cfg, teacher, method, options) for method in methods}
    plain = placed(MODELS.build(cfg.model), options)
    frozen = FrozenTeacher(placed(MODELS.build(teacher_cfg), options))

    head = cfg.model.decode_head
    classes = (head[-1] if isinstance(head, (list, tuple)) else head).num_classes
    batch = street_batch(options, classes)
    on_clips = any(method in CLIP_METHODS for method in methods)
    if on_clips:
        add_neighbours(batch)
    images = plain.data_preprocessor(batch, True)["inputs"]

    def forward_teacher() -> None:
        with options.autocast():
            frozen(images, None, mode="tensor")

    steps = {method: engine_step(model, model_cfg, batch, options) for method, (model, model_cfg) in models.items()}
    phases = {STUDENT_STEP: engine_step(plain, cfg, batch, options), TEACHER_FORWARD: forward_teacher}
    if on_clips:
        phases[NEXT_FRAME] = _on_another_frame(plain, images, options)
    for method, step in steps.items():
        phases[STEP.format(method)] = step
        phases |= _parts(method, *models[method], step, options)
    if on_clips:
        phases |= clip_parts(batch, classes, options)
    return Comparison(
        phases=phases,
        steps=[STEP.format(method) for method in methods],
        floors={STEP.format(method): clip_floor(method) for method in methods if method in CLIP_METHODS},
        facts={
            "student": portable_path(student),
            "teacher": portable_path(teacher),
            "classes": classes,
            "student_parameters": count_parameters(plain),
            "teacher_parameters": count_parameters(frozen.model),
        },
    )


def _check_methods(methods: Sequence[str]) -> None:
    known = (*METHODS, *CLIP_METHODS)
    for method in methods:
        if method not in known:
            raise ConfigError(f"no method {method!r}; there are {', '.join(known)}{did_you_mean(method, known)}")


def _parts(
    method: str, model: BaseModel, cfg: Config, step: Callable[[], object], options: Options
) -> dict[str, Callable[[], object]]:
    """A method's losses alone; with a critic, whose losses are more than the student's, its step alone."""
    if model.terms.adversaries():
        return {CRITIC_STEP.format(method): critic_alone(model, cfg, step, options)}
    return {LOSS.format(method): loss_alone(model.terms, step, options)}


def _distiller(cfg: Config, teacher: str, method: str, options: Options) -> tuple[BaseModel, Config]:
    if method in CLIP_METHODS:
        distilled = clip_config(cfg, teacher, method)
    else:
        distilled = distilled_config(cfg, teacher, "", method)
    for settings in distilled.model.teachers.values():
        settings.update(checkpoint=None, dtype=options.teacher_dtype)
    forget_pretrained(distilled)
    model = MODELS.build(distilled.model)
    for each in model.teachers.values() if options.compile else ():
        each.model.backbone.compile()
    return placed(model, options), distilled


def _on_another_frame(model: BaseModel, images: Tensor, options: Options) -> Callable[[], object]:
    """What a loss between two frames cannot do without: the second one's scores, and backward from them."""

    def run() -> None:
        with options.autocast():
            scores = tensors_in(model(images, None, mode="tensor"))
        sum(each.float().mean() for each in scores).backward()
        for parameter in model.parameters():
            parameter.grad = None

    return run


def street_batch(options: Options, classes: int) -> dict[str, Any]:
    """Raw random images with labels in blocks of 32 pixels, some of them ignored, as a data loader gives them."""
    height, width = options.size
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for _ in range(options.batch):
        image = torch.randint(256, (3, height, width), generator=generator, dtype=torch.uint8)
        blocks = torch.randint(classes + 1, (1, 1, -(-height // 32), -(-width // 32)), generator=generator)
        blocks = torch.where(blocks == classes, 255, blocks).float()
        labels = F.interpolate(blocks, scale_factor=32.0, mode="nearest")[0, :, :height, :width].long()
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        sample.set_metainfo({"img_shape": options.size, "ori_shape": options.size, "pad_shape": options.size})
        inputs.append(image.to(options.device))
        samples.append(sample.to(options.device))
    return {"inputs": inputs, "data_samples": samples}
