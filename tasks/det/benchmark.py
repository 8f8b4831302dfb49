"""What distilling a detector costs, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData

import tasks.det  # noqa: F401  (registers mmdet's networks and ours)
from common.benchmark import (
    LOSS,
    STEP,
    STUDENT_STEP,
    TEACHER_FORWARD,
    Comparison,
    Options,
    engine_step,
    loss_alone,
    placed,
)
from common.config import read_config
from common.cost import count_parameters
from common.provenance import portable_path
from common.teacher import FrozenTeacher
from common.teacher_config import teacher_model_config, without_pretrained
from common.training import forget_pretrained
from tasks.det.methods import distilled_config
from tasks.det.models import class_head

# Other forms of a method: its key in `tasks.det.methods.METHODS`, and what of its loss is changed.
VARIANTS = {f"acam_{form}": ("acam", {"attention": form}) for form in ("exact", "pooled")}
OBJECTS = 12  # in an image


def detection(options: Options, student: str, teacher: str, methods: Sequence[str]) -> Comparison:
    """A plain step of a student, its teacher's forward pass to the neck, and a distillation step by each method.

    A step is what a run of the engine does with a batch of raw images: normalising, forward with mmdet's own losses,
    backward, optimiser (with critics both), and the check for finite losses. Weights are random and the learning rate
    is 0, so that every round computes the same.

    Args:
        options: size, batch and device.
        student: config of the student alone.
        teacher: config of the teacher.
        methods: keys of `tasks.det.methods.METHODS`, or of `VARIANTS`.

    Raises:
        ConfigError: for configs that are missing or do not fit together, or an unknown method.
    """
    cfg = read_config(student)
    init_default_scope(cfg.get("default_scope", "mmdet"))
    torch.manual_seed(0)
    forget_pretrained(cfg)
    teacher_cfg = without_pretrained(teacher_model_config("teacher", {"config": teacher}))
    models = {method: _distiller(cfg, teacher, method, options) for method in methods}
    plain = placed(MODELS.build(cfg.model), options)
    frozen = FrozenTeacher(placed(MODELS.build(teacher_cfg), options))
    classes = class_head(cfg.model, student)["num_classes"]
    batch = boxes_batch(options, classes)
    with torch.no_grad():
        data = plain.data_preprocessor(batch, True)

    def forward_teacher() -> None:
        with options.autocast(), torch.no_grad():
            frozen.model.extract_feat(data["inputs"])

    steps = {method: engine_step(model, model_cfg, batch, options) for method, (model, model_cfg) in models.items()}
    phases = {STUDENT_STEP: engine_step(plain, cfg, batch, options), TEACHER_FORWARD: forward_teacher}
    for method, step in steps.items():
        phases[STEP.format(method)] = step
        if not models[method][0].terms.adversaries():  # whose losses are more than the student's
            phases[LOSS.format(method)] = loss_alone(models[method][0].terms, step, options)
    return Comparison(
        phases=phases,
        steps=[STEP.format(method) for method in methods],
        facts={
            "student": portable_path(student),
            "teacher": portable_path(teacher),
            "classes": classes,
            "student_parameters": count_parameters(plain),
            "teacher_parameters": count_parameters(frozen.model),
        },
    )


def _distiller(cfg: Config, teacher: str, method: str, options: Options) -> tuple[BaseModel, Config]:
    base, changes = VARIANTS.get(method, (method, {}))
    distilled = distilled_config(cfg, teacher, "", base)
    distilled.model.losses[base].update(changes)
    distilled.model.inherit = []  # weights are random here
    distilled.model.teachers.teacher.update(checkpoint=None, dtype=options.teacher_dtype)
    forget_pretrained(distilled)
    model = MODELS.build(distilled.model)
    if options.compile:
        model.teachers["teacher"].model.backbone.compile()
    return placed(model, options), distilled


def boxes_batch(options: Options, classes: int) -> dict[str, Any]:
    """Raw random images with boxes of 8 pixels to half of the image, as a data loader gives them."""
    height, width = options.size
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for _ in range(options.batch):
        image = torch.randint(256, (3, height, width), generator=generator, dtype=torch.uint8)
        side = torch.tensor([width, height])
        size = 8 + torch.rand(OBJECTS, 2, generator=generator) * (side / 2 - 8)
        corner = torch.rand(OBJECTS, 2, generator=generator) * (side - size)
        labels = torch.randint(classes, (OBJECTS,), generator=generator)
        objects = InstanceData(bboxes=torch.cat([corner, corner + size], 1), labels=labels)
        nothing = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        shapes = {"img_shape": options.size, "ori_shape": options.size, "pad_shape": options.size}
        sample = DetDataSample(gt_instances=objects, ignored_instances=nothing)
        sample.set_metainfo({**shapes, "scale_factor": (1.0, 1.0)})
        inputs.append(image.to(options.device))
        samples.append(sample.to(options.device))
    return {"inputs": inputs, "data_samples": samples}
