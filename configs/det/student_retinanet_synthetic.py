# The student alone on generated scenes: RetinaNet with MobileNetV2 of a third of its width, from random weights.
_base_ = [
    "../_base_/det/retinanet_small.py",
    "../_base_/det/synthetic.py",
    "../_base_/det/adamw_small.py",
    "../_base_/det/runtime.py",
]
model = dict(
    backbone=dict(widen_factor=0.35),
    neck=dict(in_channels=[16, 32, 112], out_channels=64),
    bbox_head=dict(
        num_classes=6,
        in_channels=64,
        feat_channels=64,
        anchor_generator=dict(octave_base_scale=2),  # 16 to 102 pixels
    ),
)
