# The student alone on BCCD: SSD with half-width MobileNetV1, from random weights.
_base_ = [
    "../_base_/det/ssd_small.py",
    "../_base_/det/bccd_small.py",
    "../_base_/det/adamw_small.py",
    "../_base_/det/runtime.py",
]
default_hooks = dict(checkpoint=dict(interval=250))
train_cfg = dict(max_iters=600, val_interval=600)
