# The student alone on generated organs: MobileNetV2 of a quarter width.
_base_ = [
    "../_base_/seg/deeplabv3plus_small.py",
    "../_base_/seg/synthetic_organs.py",
    "../_base_/seg/adamw_small.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(widen_factor=0.25),
    # 64 channels before the classifier, as the teacher: FDWA-DKD compares the two
    decode_head=dict(in_channels=80, c1_in_channels=8, num_classes=6),
    auxiliary_head=dict(in_channels=24, channels=16, num_classes=6),
)
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=300, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))
