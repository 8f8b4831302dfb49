"""A trained student as files that need none of this project: plain mmseg, or ONNX."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmseg.registry import DATASETS, METRICS, TRANSFORMS
from torch import Tensor, nn
from torch.nn import functional as F

from common.atomic import atomic_write
from common.errors import ConfigError
from common.export import export_onnx, export_student
from common.export_input import NormalisedInput, smooth_image
from common.plain_config import Package, foreign_modules, plain_config
from tasks.seg.models import load_segmentor

MMSEG = Package(
    scope="mmseg",
    datasets=DATASETS,
    transforms=TRANSFORMS,
    metrics=METRICS,
    dataset="BaseSegDataset",
    pipeline=({"type": "LoadImageFromFile"}, {"type": "PackSegInputs"}),
    evaluator={"type": "IoUMetric", "iou_metrics": ["mIoU"]},
)


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
        self.normalised = NormalisedInput(preprocessor, pipeline_order)
        self.model = model
        self.argmax = argmax
        self.pad_value = preprocessor.pad_val
        self.test_padding = dict(preprocessor.test_cfg or {})

    def forward(self, image: Tensor) -> Tensor:
        """Segment images.

        Args:
            image: RGB ``[B, 3, H, W]``, float, 0 to 255.

        Returns:
            Logits ``[B, C, H, W]``; with ``argmax`` labels ``[B, H, W]``, uint8 up to 256 classes, else int64. A
            network with one output channel gives label 1 where its probability exceeds its threshold.
        """
        height, width = image.shape[2:]
        below, right = self._padding(height, width)
        image = F.pad(self.normalised(image), (0, right, 0, below), value=self.pad_value)
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
        'foreign_modules' names), 'package' (that reads the config), 'left_out' (test transforms that mmseg lacks),
        'parameters', and 'onnx' (what `export_onnx` returns, or None).

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
    plain, left_out = plain_config(cfg, model.dataset_meta, MMSEG)
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
        "package": MMSEG.scope,
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
    return export_onnx(network, path, smooth_image(*size), ["image"], [output], metadata=metadata)
