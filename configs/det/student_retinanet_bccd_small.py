# The student alone on BCCD: RetinaNet with half-width MobileNetV2, from random weights.
_base_ = [
    "../_base_/det/retinanet_small.py",
    "../_base_/det/bccd_small.py",
    "../_base_/det/adamw_small.py",
    "../_base_/det/runtime.py",
]
default_hooks = dict(checkpoint=dict(interval=250))
train_cfg = dict(max_iters=600, val_interval=600)
