"""Whole runs of seconds: a data set of sixteen images, networks of a few thousand weights, and their configs."""

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config

SIZE = (64, 48)  # width, height
CLASSES = 11
COUNTS = {"train": 8, "val": 2, "test": 2}


def write_camvid(root: Path, void: bool = True) -> Path:
    """CamVid's layout: noisy images of rectangles whose grey is their label; with ``void``, a strip of label 11."""
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        lines = []
        for index in range(count):
            label = np.zeros(SIZE[::-1], np.uint8)
            for number in range(1, 6):
                left, top = rng.integers(0, SIZE[0] - 16), rng.integers(0, SIZE[1] - 16)
                label[top : top + 16, left : left + 16] = (number + index) % CLASSES
            image = (label[..., None] * 20 + rng.integers(0, 20, (*label.shape, 3))).astype(np.uint8)
            if void:
                label[:2] = 11
            for folder, picture in ((split, image), (f"{split}annot", label)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(root / folder / f"{index:03}.png"), picture)
            lines.append(f"{split}/{index:03}.png {split}annot/{index:03}.png\n")
        (root / f"{split}.txt").write_text("".join(lines))
    return root


def network(width=4, dropout=0.0, norm="BN", classes=CLASSES):
    """An mmseg network of two residual stages; ``norm='GN'`` does not depend on the batch."""
    norm_cfg = {"type": "BN", "requires_grad": True} if norm == "BN" else {"type": "GN", "num_groups": 2}
    return {
        "type": "EncoderDecoder",
        "data_preprocessor": {
            "type": "SegDataPreProcessor",
            "mean": [110.0] * 3,
            "std": [60.0] * 3,
            "bgr_to_rgb": True,
            "pad_val": 0,
            "seg_pad_val": 255,
            "size": (32, 32),
        },
        "backbone": {
            "type": "ResNet",
            "depth": 18,
            "base_channels": width,
            "stem_channels": width,
            "num_stages": 2,
            "strides": (1, 2),
            "dilations": (1, 1),
            "out_indices": (1,),
            "norm_cfg": norm_cfg,
        },
        "decode_head": {
            "type": "FCNHead",
            "in_channels": 2 * width,
            "in_index": 0,
            "channels": 8,
            "num_convs": 1,
            "concat_input": False,
            "dropout_ratio": dropout,
            "num_classes": classes,
            "norm_cfg": norm_cfg,
            "align_corners": False,
            "loss_decode": {"type": "CrossEntropyLoss", "avg_non_ignore": True},
        },
        "train_cfg": {},
        "test_cfg": {"mode": "whole"},
    }


def run_config(data_root, model, iters=4, workers=0, batch=2, augmented=True, interval=2) -> dict:
    """A training config of a few iterations on `write_camvid`, with a validation and a checkpoint at ``interval``."""
    augmentation = [
        {"type": "RandomResize", "scale": SIZE, "ratio_range": (0.75, 1.5), "keep_ratio": True},
        {"type": "RandomCrop", "crop_size": (32, 32)},
        {"type": "RandomFlip", "prob": 0.5},
        {"type": "PhotoMetricDistortion"},
    ]
    load = [{"type": "CheckedImage"}, {"type": "CheckedAnnotations"}]
    whole = [{"type": "Resize", "scale": (32, 32), "keep_ratio": False}]
    train = [*load, *(augmentation if augmented else whole), {"type": "PackSegInputs"}]
    val = [*load, {"type": "PackSegInputs"}]

    def loader(split, pipeline, sampler):
        return {
            "batch_size": batch,
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "sampler": sampler,
            "dataset": {"type": "CamVidDataset", "data_root": str(data_root), "split": split, "pipeline": pipeline},
        }

    return {
        "default_scope": "mmseg",
        "custom_imports": {"imports": ["common.engine", "tasks.seg"], "allow_failed_imports": False},
        "env_cfg": {"mp_cfg": {"mp_start_method": "fork", "opencv_num_threads": 0}, "dist_cfg": {"backend": "nccl"}},
        "model": model,
        "train_dataloader": loader("train", train, {"type": "InfiniteSampler", "shuffle": True}),
        "val_dataloader": loader("val", val, {"type": "DefaultSampler", "shuffle": False}),
        "train_cfg": {"type": "IterBasedTrainLoop", "max_iters": iters, "val_interval": interval},
        "val_cfg": {"type": "ValLoop"},
        "val_evaluator": {"type": "IoUMetric", "iou_metrics": ["mIoU"]},
        "optim_wrapper": {"type": "OptimWrapper", "optimizer": {"type": "SGD", "lr": 0.02, "momentum": 0.9}},
        "param_scheduler": [
            {"type": "PolyLR", "eta_min": 0.0, "power": 0.9, "begin": 0, "end": iters, "by_epoch": False}
        ],
        "default_hooks": {
            "timer": {"type": "IterTimerHook"},
            "logger": {"type": "LoggerHook", "interval": 1, "log_metric_by_epoch": False},
            "param_scheduler": {"type": "ParamSchedulerHook"},
            "checkpoint": {"type": "CheckpointHook", "by_epoch": False, "interval": interval},
        },
        "visualizer": {
            "type": "SegLocalVisualizer",
            "name": "visualizer",
            "vis_backends": [{"type": "LocalVisBackend"}],
        },
        "log_processor": {"by_epoch": False},
        "log_level": "WARNING",
    }


def distiller(student, teacher_config, checkpoint, **losses) -> dict:
    """A `Distiller` of two networks of `network`, with CWD on the features and KD on the logits by default."""
    return {
        "type": "Distiller",
        "student": student,
        "teachers": {"teacher": {"config": str(teacher_config), "checkpoint": checkpoint and str(checkpoint)}},
        "taps": {"logits": "decode_head.conv_seg", "features": "backbone.layer2"},
        "losses": losses
        or {
            "kd": {"type": "KDLoss", "student": "logits", "teacher": "logits"},
            "cwd": {"type": "CWDLoss", "student": "features", "teacher": "features", "weight": 2.0},
        },
        "example": {"type": "SegExample", "size": (32, 32)},
    }


def write_config(path: Path, config: dict) -> Path:
    """The config as a file."""
    Config(config).dump(str(path))
    return path


def write_teacher(folder: Path, data_root, width=8, **options) -> tuple[Path, Path]:
    """A teacher's config and checkpoint, from random weights."""
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    config = write_config(folder / "teacher.py", run_config(data_root, network(width, **options)))
    torch.manual_seed(7)
    with DefaultScope.overwrite_default_scope("mmseg"):
        import mmseg.models  # noqa: F401

        state = MODELS.build(Config(network(width, **options))._cfg_dict).state_dict()
    torch.save({"state_dict": state, "meta": {}}, folder / "teacher.pth")
    return config, folder / "teacher.pth"
