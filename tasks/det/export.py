"""A trained student as files that need none of this project: plain mmdet, ONNX, and ONNX in 8-bit integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mmdet
import numpy as np
from mmdet.models.dense_heads import SSDHead
from mmdet.registry import DATASETS, METRICS, TRANSFORMS
from mmengine import Config
from mmengine.dataset import BaseDataset
from torch import nn

from common.atomic import atomic_write
from common.cost import count_parameters
from common.errors import ConfigError, DataError
from common.export import export_onnx, export_student
from common.export_input import smooth_image
from common.image_files import read_image
from common.onnx_files import INT8_SUFFIX, check_export, quantise
from common.plain_config import Package, foreign_modules, plain_config
from common.report import track, write_json
from tasks.det.coco_scores import coco_scores
from tasks.det.detector import DetectorInfo, load_onnx, placed
from tasks.det.evaluation import check_classes
from tasks.det.exported_network import DetectorExport, detector_info, image_size
from tasks.det.metrics import objects_of_instances
from tasks.det.models import build_dataset, load_detector

MMDET = Package(
    scope="mmdet",
    datasets=DATASETS,
    transforms=TRANSFORMS,
    metrics=METRICS,
    dataset="BaseDetDataset",
    pipeline=(
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "scale": (1333, 800), "keep_ratio": True},
        {"type": "PackDetInputs"},
    ),
    evaluator={"type": "VOCMetric", "metric": "mAP"},
)
# Of the largest coordinate, which is near the image's width: 0.1 pixels of 1000.
TOLERANCE = 1e-4
BATCH = 4  # images whose features are kept together while the integers' ranges are taken
SSD_NOTE = (
    f"mmdet {mmdet.__version__} asks SSDHead for an attribute that it lacks, and fails to predict; say "
    "mmdet.models.SSDHead.loss_cls = None before"
)


def export(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    onnx: str | Path | None = None,
    size: Sequence[int] | None = None,
    trust: bool = False,
    int8: bool = False,
    calibration_frames: int = 64,
    part: str = "test",
    data_root: str | None = None,
) -> dict[str, Any]:
    """Write a student as a plain checkpoint with its mmdet config beside it, and as ONNX if asked for.

    The ONNX file gives boxes before suppression, see `tasks.det.exported_network.DetectorExport`; what is to be done
    with them stands in its metadata, and in `tasks.det.detector.suppressed`. Beside NAME.onnx stand NAME.int8.onnx, if
    asked for, and NAME.json with what is returned.

    Args:
        config: of a distillation run or of a plain mmdet network.
        checkpoint: its trained weights; every key must fit.
        out: the plain checkpoint; its config gets the same name with ``.py``.
        onnx: the ONNX file, without which none is written.
        size: height and width of the ONNX file's images; None takes those that the config's test images have.
        trust: unpickle any object in the checkpoint.
        int8: also write it in 8-bit integers, calibrated on images of the config's training data.
        calibration_frames: how many of them.
        part: of the config's data on which both are compared, 'val' or 'test'.
        data_root: folder of the data, in place of the config's.

    Returns:
        'checkpoint' and 'config' (paths; 'config' is None for a student with modules that mmdet lacks, which
        'foreign_modules' names), 'package' (that reads the config), 'left_out' (test transforms that mmdet lacks),
        'notes' (on its use), 'parameters', 'onnx' (what `export_onnx` returns, or None) and 'int8' (None, or what
        `common.onnx_files.quantise` and `compare` return).

    Raises:
        ConfigError: if the config can't be read or names no size, or an option needs another.
        CheckpointError: if the weights do not fit.
        DataError: if the data that an option needs is not there.
        ExportError: if the network can't be exported as ONNX, or its file does not agree with torch.
    """
    out = Path(out)
    check_export(checkpoint, out, onnx, int8, calibration_frames, part, "image")
    if out.suffix == ".py":
        raise ConfigError(
            f"expected a new file such as student.pth but found {out}; its config is written beside it as .py"
        )
    model, cfg = load_detector(config, checkpoint, "cpu", trust=trust)
    # What cannot be done is said before anything is written.
    network, info = _network(model, cfg, size) if onnx else (None, None)
    data = _data(cfg, model, part, data_root) if int8 else {}
    report = _write_plain(model, cfg, checkpoint, out, trust)
    if onnx is None:
        return report
    metadata = info.as_metadata()
    names = ["image"], ["boxes", "scores"]
    report["onnx"] = export_onnx(
        network, onnx, smooth_image(*info.size), *names, tolerance=TOLERANCE, metadata=metadata
    )
    if int8:
        small = Path(onnx).with_suffix(INT8_SUFFIX)
        report["int8"] = quantise(onnx, small, calibration_images(data["train"], calibration_frames, info), BATCH)
        report["int8"] |= {"part": part, **compare({"fp32": onnx, "int8": small}, data[part])}
    write_json(Path(onnx).with_suffix(".json"), report)
    return report


def _network(model: nn.Module, cfg: Config, size: Sequence[int] | None) -> tuple[DetectorExport, DetectorInfo]:
    size = image_size(cfg, size)
    network = DetectorExport(model, size)
    return network, detector_info(model, cfg, network, size)


def _data(cfg: Config, model: nn.Module, part: str, data_root: str | None) -> dict[str, BaseDataset]:
    data = {name: build_dataset(cfg, name, data_root) for name in ("train", part)}
    check_classes(model.dataset_meta["classes"], data[part].metainfo["classes"])
    for name, dataset in data.items():
        if not len(dataset):
            raise DataError(f"expected images in {name}_dataloader of {cfg.filename} but found none; check data_root")
    return data


def _write_plain(model: nn.Module, cfg: Config, checkpoint: str | Path, out: Path, trust: bool) -> dict[str, Any]:
    foreign = foreign_modules(model)
    plain, left_out = plain_config(cfg, model.dataset_meta, MMDET)
    meta = {"dataset_meta": model.dataset_meta}
    if not foreign:
        meta["cfg"] = plain.pretty_text
        with atomic_write(out.with_suffix(".py"), "w") as file:
            file.write(plain.pretty_text)
    export_student(checkpoint, out, model, meta, trust)
    lacks_loss = not foreign and isinstance(getattr(model, "bbox_head", None), SSDHead)
    return {
        "checkpoint": str(out),
        "config": None if foreign else str(out.with_suffix(".py")),
        "foreign_modules": foreign,
        "package": MMDET.scope,
        "left_out": left_out,
        "notes": [SSD_NOTE] if lacks_loss else [],
        "parameters": count_parameters(model),
        "onnx": None,
        "int8": None,
    }


def calibration_images(dataset: BaseDataset, most: int, info: DetectorInfo, seed: int = 0) -> np.ndarray:
    """At most so many images of a data set, drawn without replacement: float32 ``[N, 3, H, W]``, 0 to 255."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:most])
    files = [dataset.get_data_info(int(row))["img_path"] for row in rows]
    return np.stack([placed(read_image(file), info)[0].transpose(2, 0, 1) for file in files])


def compare(networks: Mapping[str, str | Path], dataset: BaseDataset) -> dict[str, Any]:
    """Average precision of ONNX detectors on the same images, by onnxruntime.

    Args:
        networks: name -> file.
        dataset: of mmdet, with true boxes.

    Returns:
        'images' (how many), 'AP' and 'AP50' (name -> percent).
    """
    detectors = {name: load_onnx(path) for name, path in networks.items()}
    truth, found = [], {name: [] for name in networks}
    for row in track(range(len(dataset)), "comparing"):
        entry = dataset.get_data_info(row)
        image = read_image(entry["img_path"])
        truth.append(objects_of_instances(entry["instances"]))
        for name, detector in detectors.items():
            found[name].append(detector.detect(image))
    classes = len(next(iter(detectors.values())).classes)
    scores = {name: coco_scores(truth, each, classes) for name, each in found.items()}
    return {
        "images": len(dataset),
        **{key: {name: float(each[key]) for name, each in scores.items()} for key in ("AP", "AP50")},
    }
