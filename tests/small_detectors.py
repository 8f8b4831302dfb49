"""Detectors of one stage that are small, with random weights and boxes of all scores, and pictures for them."""

import tasks.det  # noqa: F401 - puts operators in place

# isort: split
import cv2
import numpy as np
import torch
from mmdet.registry import MODELS
from mmengine import Config
from mmengine.registry import init_default_scope
from torch import nn

META = {"classes": ("cell", "dust", "hair"), "palette": [[200, 0, 0], [0, 0, 200], [0, 120, 0]]}
ANCHORS = """
    anchor_generator=dict(
        type='AnchorGenerator', ratios=[1.0], octave_base_scale=4, scales_per_octave={scales}, strides=[8, 16, 32]),"""
DELTAS = "bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[0.1, 0.1, 0.2, 0.2]),"
STACK = "in_channels=8, feat_channels=8, stacked_convs=1,"
GROUPS = "norm_cfg=dict(type='GN', num_groups=2),"
# Type of the detector, its head, and what the head is made of.
HEADS = {
    "RetinaNet": ("RetinaHead", STACK + ANCHORS.format(scales=2) + DELTAS),
    "ATSS": ("ATSSHead", STACK + GROUPS + ANCHORS.format(scales=1) + DELTAS),
    "FCOS": ("FCOSHead", STACK + GROUPS + "strides=[8, 16, 32], norm_on_bbox=True, centerness_on_reg=True,"),
    "GFL": ("GFLHead", STACK + GROUPS + ANCHORS.format(scales=1) + "reg_max=7,"),
    "RepPointsDetector": ("RepPointsHead", STACK + "point_feat_channels=8, point_strides=[8, 16, 32],"),
    "SingleStageDetector": (
        "SSDHead",
        """in_channels=(8, 8, 8), anchor_generator=dict(
            type='SSDAnchorGenerator', scale_major=False, strides=[8, 16, 32], ratios=([2], [2, 3], [2]),
            min_sizes=[16, 32, 64], max_sizes=[32, 64, 96]),"""
        + DELTAS,
    ),
}
CONFIG = """
default_scope = 'mmdet'
custom_imports = dict(imports=['tasks.det'])
network = dict(
    type={detector!r},
    data_preprocessor=dict(
        type='DetDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True,
        pad_size_divisor=32),
    backbone=dict(
        type='ResNet', depth=18, base_channels=4, out_indices=(1, 2, 3), norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='no/such/weights.pth')),
    neck=dict(type='FPN', in_channels=[8, 16, 32], out_channels=8, num_outs=3),
    bbox_head=dict(type={head!r}, num_classes=3, {settings}),
    test_cfg=dict(
        nms_pre=60, min_bbox_size=0, score_thr=0.3, nms=dict(type='nms', iou_threshold=0.5), max_per_img=40))
model = network
test_pipeline = [
    dict(type='CheckedImage'),
    dict(type='Resize', scale=(128, 96), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs')]
"""


def write_network(folder, detector="RetinaNet", change=None, more=""):
    """Write ``net.py`` and ``net.pth``, a training's checkpoint.

    Args:
        folder: to write into.
        detector: key of `HEADS`.
        change: settings of ``network`` to replace.
        more: text of the config, at its end.

    Returns:
        Both names as text.
    """
    head, settings = HEADS[detector]
    config, checkpoint = folder / "net.py", folder / "net.pth"
    config.write_text(CONFIG.format(detector=detector, head=head, settings=settings.strip().rstrip(",")) + more)
    if change:
        cfg = Config.fromfile(config)
        cfg.merge_from_dict({f"{part}.{key}": value for part in ("network", "model") for key, value in change.items()})
        cfg.dump(config)
    init_default_scope("mmdet")
    network = Config.fromfile(config).network
    network.backbone.pop("init_cfg", None)
    torch.manual_seed(0)
    model = MODELS.build(network)
    _spread(model)
    meta = {"iter": 5, "dataset_meta": META}
    torch.save({"state_dict": model.state_dict(), "meta": meta, "optimizer": {"state": {}}}, checkpoint)
    return str(config), str(checkpoint)


@torch.no_grad()
def _spread(model):
    """Let scores and boxes differ from place to place, as those of a trained network do."""
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 1.5)
        elif isinstance(module, nn.Conv2d) and "bbox_head" in name:
            nn.init.normal_(module.weight, 0, 1.5 / module.weight[0].numel() ** 0.5)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.3)


def scenery(height=48, width=64, seed=0):
    """An RGB picture ``[H, W, 3]`` of smooth colours, uint8."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(colours, (width, height), interpolation=cv2.INTER_CUBIC)
