"""What the benchmark measures of distillation on two frames of a video: its methods, their floor, and their parts."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.structures import PixelData

from common.benchmark import FLOOR, STUDENT_STEP, TEACHER_FORWARD, Options
from common.report import write_png
from tasks.seg.flow import DISFlow
from tasks.seg.methods import distilled_config, logits_path
from tasks.seg.temporal import warp

NEXT_FRAME = "student, next frame"
WARPING = "warping"
ESTIMATED, KEPT = "flow by DIS", "flow kept"
SHIFT = (2, 1)  # pixels right and down, from a frame to the next

_PAIR = {"student": "logits", "teacher": "logits"}
# As in configs/_base_/seg/loss_stkd.py, which says whose the numbers are.
TERMS: dict[str, dict[str, Any]] = {
    "pixel": {"type": "KDLoss", **_PAIR, "temperature": 1.0, "weight": 1.0},
    # Of two branches a pair has one here.
    "pair": {"type": "SKDPairwiseLoss", "student": "features", "teacher": "features", "scale": 0.5, "weight": 1.0},
    "holistic": {
        "type": "LogitGANLoss",
        **_PAIR,
        "space": "probabilities",
        "objective": "wgan",
        "penalty": 10.0,
        "widths": (64, 128),
        "attention": (2,),
        "weight": 0.1,
    },
    "temporal": {
        "type": "TemporalLoss",
        "student": "logits",
        "student_other": "logits@next",
        "flow": "flow_next",
        "image": "image",
        "image_other": "image@next",
        "weight": 0.1,
    },
    "frames": {
        "type": "PairwiseFrameLoss",
        **_PAIR,
        "student_other": "logits@next",
        "teacher_other": "logits@next",
        "weight": 0.1,
    },
}
CRITIC = {"type": "OptimWrapper", "optimizer": {"type": "Adam", "lr": 4e-4, "betas": (0.9, 0.99)}}
CLIP_METHODS: dict[str, tuple[str, ...]] = {
    "temporal": ("temporal",),
    "frames": ("frames",),
    "gan": ("holistic",),
    "stkd": tuple(TERMS),
}


def clip_config(cfg: Config, teacher: str, method: str) -> Config:
    """The config that trains the network of ``cfg`` by a method on clips; ``'temporal'`` has no teacher.

    Args:
        cfg: of a segmentation network alone.
        teacher: the teacher's config file.
        method: a key of `CLIP_METHODS`.

    Raises:
        ConfigError: as `tasks.seg.methods.distilled_config`.
    """
    out = distilled_config(cfg, teacher, "", "kd")
    names = CLIP_METHODS[method]
    logits = out.model.taps.logits
    out.model.taps.features = {owner: f"{path}:input" for owner, path in logits.items()}
    out.model.losses = ConfigDict({name: copy.deepcopy(TERMS[name]) for name in names})
    out.model.example.views = ["next"]
    if not _teaches(method):
        out.model.teachers = {}
        out.model.taps = {"logits": logits_path(cfg.model)}
    if "holistic" in names:
        out.optim_wrapper = ConfigDict(
            constructor="CriticOptimWrapperConstructor", student=cfg.optim_wrapper, critic=copy.deepcopy(CRITIC)
        )
    return out


def _teaches(method: str) -> bool:
    return any("teacher" in TERMS[name] for name in CLIP_METHODS[method])


def clip_floor(method: str) -> tuple[str, ...]:
    """The phases that a method's step cannot do without: those of one frame, and what it needs of the next."""
    names = CLIP_METHODS[method]
    sources = [str(source) for name in names for source in TERMS[name].values()]
    floor = FLOOR if _teaches(method) else (STUDENT_STEP,)
    if not any(source.endswith("@next") for source in sources):
        return floor
    # A teacher takes as long for the next frame as for this one.
    again = (TEACHER_FORWARD,) if any("teacher_other" in TERMS[name] for name in names) else ()
    return (*floor, NEXT_FRAME, *again)


def add_neighbours(batch: dict[str, Any]) -> None:
    """Give each sample of a batch, in place, a next frame, in which all has moved by `SHIFT`, and the flow to it."""
    for image, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
        flow = torch.tensor(SHIFT, dtype=torch.float32, device=image.device)
        fields = {
            "frame_next": image.roll(SHIFT[::-1], (1, 2)),
            "flow_next": flow[:, None, None].expand(2, *image.shape[1:]).contiguous(),
        }
        sample.set_data({name: PixelData(data=value) for name, value in fields.items()})


def clip_parts(batch: dict[str, Any], classes: int, options: Options) -> dict[str, Callable[[], object]]:
    """Parts of a step on two frames, of a whole batch each.

    Warping is forward and backward, of class scores of the frames' size. Flow is that of pictures in files, estimated
    by `DISFlow` with its defaults, on the CPU, or read from its cache.

    Args:
        batch: with neighbours.
        classes: number of classes.
        options: device and size.
    """
    flow = torch.stack([sample.flow_next.data for sample in batch["data_samples"]])
    scores = torch.zeros(len(flow), classes, *options.size, device=flow.device, requires_grad=True)

    def warping() -> None:
        warp(scores, flow).mean().backward()
        scores.grad = None

    folder = tempfile.TemporaryDirectory(prefix="benchmark-flow-")
    pairs = _picture_files(Path(folder.name), options)
    estimated, kept = DISFlow(), DISFlow(cache=Path(folder.name, "flow"))
    for pair in pairs:
        kept.of_files(*pair)

    def estimate() -> None:
        for pair in pairs:
            estimated.of_files(*pair)

    def read(_files: object = folder) -> None:  # which are there as long as this function
        for pair in pairs:
            kept.of_files(*pair)

    return {WARPING: warping, ESTIMATED: estimate, KEPT: read}


def _picture_files(folder: Path, options: Options) -> list[tuple[Path, Path]]:
    """Pairs of smooth random pictures, the second of each moved by `SHIFT`."""
    height, width = options.size
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(options.batch):
        coarse = rng.integers(0, 256, (-(-height // 8) + 1, -(-width // 8) + 1, 3), np.uint8)
        first = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        pair = folder / f"{number}_first.png", folder / f"{number}_second.png"
        for path, picture in zip(pair, (first, np.roll(first, SHIFT[::-1], (0, 1))), strict=True):
            write_png(path, picture)
        pairs.append(pair)
    return pairs
