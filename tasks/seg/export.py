"""A trained student as files that need none of this project: plain mmseg, or ONNX."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine import Config
from mmengine.registry import Registry
from mmseg.registry import DATASETS, METRICS, TRANSFORMS
from torch import Tensor, nn
from torch.nn import functional as F

from common.atomic import atomic_write
from common.config import student_config
from common.errors import ConfigError
from common.export import export_onnx, export_student
from common.teacher_config import without_pretrained
from tasks.seg.models import load_segmentor

PLAIN_PACKAGES = ("mmseg", "mmcv", "mmengine", "mmdet", "mmpretrain", "torch", "torchvision", "timm")
LABEL_LOADERS = ("LoadAnnotations",)


class SegmentationExport(nn.Module):
    """An mmseg network with its preprocessing inside: RGB image in, logits or labels out.

    Padding that the network's preprocessor adds in testing is added here too, and cut off the result. The whole
    image goes through at once, also where the config tests in sliding windows.

    Args:
        model: an mmseg ``EncoderDecoder`` with its ``data_preprocessor``.
        argmax: return labels instead of logits.
        pipeline_order: channel order in which the config's transforms hand images to the preprocessor;
            mmcv's image loader gives ``'bgr'``.
    """

    def __init__(self, model: nn.Module, argmax: bool = False, pipeline_order: str = "bgr"):
        super().__init__()
        preprocessor = model.data_preprocessor
        if pipeline_order not in ("rgb", "bgr"):
            raise ValueError(f"expected pipeline_order 'rgb' or 'bgr' but found {pipeline_order!r}")
        self.model = model
        self.argmax = argmax
        self.pad_value = preprocessor.pad_val
        self.test_padding = dict(preprocessor.test_cfg or {})
        # The preprocessor either keeps the pipeline's order or turns it round; what comes here is RGB.
        self.reverse_channels = (pipeline_order == "bgr") != preprocessor._channel_conversion
        normalises = preprocessor._enable_normalize
        mean = preprocessor.mean if normalises else torch.zeros(1, 1, 1)
        std = preprocessor.std if normalises else torch.ones(1, 1, 1)
        self.register_buffer("mean", mean.detach().clone())
        self.register_buffer("std", std.detach().clone())

    def forward(self, image: Tensor) -> Tensor:
        """Segment images.

        Args:
            image: RGB ``[B, 3, H, W]``, float, 0 to 255.

        Returns:
            Logits ``[B, C, H, W]``; with ``argmax`` labels ``[B, H, W]``, uint8 up to 256 classes, else int64. A
            network with one output channel gives label 1 where its probability exceeds its threshold.
        """
        height, width = image.shape[2:]
        if self.reverse_channels:
            image = image.flip(1)
        image = (image - self.mean) / self.std
        below, right = self._padding(height, width)
        image = F.pad(image, (0, right, 0, below), value=self.pad_value)
        size = torch.Size((height + below, width + right))
        metas = [{"img_shape": size, "ori_shape": size, "pad_shape": size}]
        logits = self.model.encode_decode(image, metas)[:, :, :height, :width]
        return self._labels(logits) if self.argmax else logits

    def _padding(self, height: int, width: int) -> tuple[int, int]:
        """Rows below and columns to the right that testing adds."""
        size = self.test_padding.get("size")
        if size is not None:
            return max(size[-2] - height, 0), max(size[-1] - width, 0)
        divisor = self.test_padding.get("size_divisor") or 1
        return -height % divisor, -width % divisor

    def _labels(self, logits: Tensor) -> Tensor:
        if logits.shape[1] == 1:
            return (logits[:, 0].sigmoid() > self.model.decode_head.threshold).to(torch.uint8)
        labels = logits.argmax(1)
        return labels.to(torch.uint8) if logits.shape[1] <= 256 else labels


def foreign_modules(model: nn.Module) -> list[str]:
    """Names of the classes in a network that plain mmseg does not have, sorted."""
    classes = {type(module) for module in model.modules()}
    return sorted(
        f"{found.__module__}.{found.__qualname__}"
        for found in classes
        if found.__module__.split(".")[0] not in PLAIN_PACKAGES
    )


def plain_config(cfg: Config, dataset_meta: dict[str, Any]) -> tuple[Config, list[str]]:
    """The student of a config as a config that plain mmseg reads, tests and predicts with.

    Args:
        cfg: a plain mmseg config, or that of a distillation run, whose student is taken.
        dataset_meta: {'classes', 'palette'} of the network.

    Returns:
        The config, and the transforms that it had to leave out because mmseg and mmcv do not have them; one that
        is derived from a transform of theirs becomes that transform. A dataset that mmseg does not have is
        replaced by a ``BaseSegDataset`` without files.
    """
    model = student_config(cfg)
    loader, own_dataset = _test_loader(cfg)
    steps = loader["dataset"].get("pipeline") or cfg.get("test_pipeline") or []
    plain_steps = [_plain_step(step) for step in steps]
    left_out = [str(step["type"]) for step, kept in zip(steps, plain_steps, strict=True) if kept is None]
    pipeline = [step for step in plain_steps if step is not None]
    if own_dataset:
        pipeline = [step for step in pipeline if step["type"] not in LABEL_LOADERS]
        metainfo = {key: list(dataset_meta[key]) for key in ("classes", "palette")}
        loader["dataset"] = {"type": "BaseSegDataset", "metainfo": metainfo}
    if not pipeline:
        pipeline = [{"type": "LoadImageFromFile"}, {"type": "PackSegInputs"}]
    loader["dataset"]["pipeline"] = pipeline
    content = {
        "default_scope": "mmseg",
        "model": without_pretrained(model.to_dict()),  # the weights come from the checkpoint
        "test_pipeline": pipeline,
        "test_dataloader": loader,
        "test_cfg": {"type": "TestLoop"},
        "test_evaluator": {"type": "IoUMetric", "iou_metrics": ["mIoU"]},
    }
    evaluator = cfg.get("test_evaluator")
    if isinstance(evaluator, dict) and _is_plain(METRICS, evaluator["type"]):
        content["test_evaluator"] = evaluator.to_dict()
    return Config(content), left_out


def _test_loader(cfg: Config) -> tuple[dict[str, Any], bool]:
    """The config's test (else validation) loader, and whether its dataset is one that mmseg lacks."""
    for name in ("test_dataloader", "val_dataloader"):
        loader = cfg.get(name)
        if loader and "dataset" in loader:
            return loader.to_dict(), not _is_plain(DATASETS, loader.dataset.type)
    sampler = {"type": "DefaultSampler", "shuffle": False}
    return {"batch_size": 1, "num_workers": 0, "sampler": sampler, "dataset": {}}, True


def _plain_step(step: dict[str, Any]) -> dict[str, Any] | None:
    """A transform of mmseg or mmcv with the arguments that it knows, or None where there is none behind ``step``."""
    found = step["type"] if isinstance(step["type"], type) else TRANSFORMS.get(step["type"])
    for base in found.__mro__ if found else ():
        if _is_plain(TRANSFORMS, base) and _is_plain(TRANSFORMS, base.__name__):
            known = inspect.signature(base.__init__).parameters
            arguments = {key: value for key, value in step.items() if key in known or base is found}
            return {**arguments, "type": base.__name__}
    return None


def _is_plain(registry: Registry, name: str | type) -> bool:
    found = name if isinstance(name, type) else registry.get(name)
    return found is not None and found.__module__.split(".")[0] in PLAIN_PACKAGES


def export_segmentor(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    onnx: str | Path | None = None,
    size: Sequence[int] | None = None,
    labels: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """Write a student as a plain checkpoint with its mmseg config beside it, and as ONNX if asked for.

    Args:
        config: of a distillation run or of a plain mmseg network.
        checkpoint: its trained weights; every key must fit.
        out: the plain checkpoint; its config gets the same name with ``.py``.
        onnx: the ONNX file, without which none is written.
        size: height and width of the ONNX file's images; None takes the config's crop size.
        labels: let the ONNX file return labels instead of logits.
        trust: unpickle any object in the checkpoint.

    Returns:
        'checkpoint' and 'config' (paths; 'config' is None for a student with modules that mmseg lacks, which
        'foreign_modules' names), 'left_out' (test transforms that mmseg lacks), 'parameters', and 'onnx' (what
        `export_onnx` returns, or None).

    Raises:
        ConfigError: if the config can't be read or names no size.
        CheckpointError: if the weights do not fit.
        ExportError: if the ONNX file can't be made or does not agree.
    """
    out = Path(out)
    if out.suffix == ".py" or out.resolve() == Path(checkpoint).resolve():
        raise ConfigError(
            f"expected a new file such as student.pth but found {out}; its config is written beside it as .py"
        )
    model, cfg = load_segmentor(config, checkpoint, "cpu", trust=trust)
    size = _image_size(model, size, config) if onnx else None
    foreign = foreign_modules(model)
    plain, left_out = plain_config(cfg, model.dataset_meta)
    meta = {"dataset_meta": model.dataset_meta}
    if not foreign:
        meta["cfg"] = plain.pretty_text
        with atomic_write(out.with_suffix(".py"), "w") as file:
            file.write(plain.pretty_text)
    export_student(checkpoint, out, model, meta, trust)
    return {
        "checkpoint": str(out),
        "config": None if foreign else str(out.with_suffix(".py")),
        "foreign_modules": foreign,
        "left_out": left_out,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "onnx": _export_onnx(model, onnx, size, labels) if onnx else None,
    }


def _image_size(model: nn.Module, size: Sequence[int] | None, config: str | Path) -> tuple[int, int]:
    size = size or model.data_preprocessor.size
    if size is None:
        raise ConfigError(
            f"expected an image size for the ONNX file but found no data_preprocessor.size in {config}; "
            "give --size HEIGHTxWIDTH"
        )
    return size[0], size[1]


def _export_onnx(model: nn.Module, path: str | Path, size: tuple[int, int], labels: bool) -> dict[str, Any]:
    metadata = {
        "task": "seg",
        "input": "RGB, 0 to 255, float32, [batch, 3, height, width]",
        "classes": json.dumps(list(model.dataset_meta["classes"])),
        "palette": json.dumps([list(map(int, colour)) for colour in model.dataset_meta["palette"]]),
    }
    output = "labels" if labels else "logits"
    network = SegmentationExport(model, argmax=labels)
    return export_onnx(network, path, _example_image(size), ["image"], [output], metadata=metadata)


def _example_image(size: tuple[int, int]) -> Tensor:
    """Smooth random colours ``[1, 3, H, W]``, 0 to 255: large patches, as in photographs, and the same every time."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(255 * coarse, size=size, mode="bilinear").round()
