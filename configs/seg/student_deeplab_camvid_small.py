# The student alone in the small CamVid runs: half-width MobileNetV2, from random weights.
_base_ = [
    "../_base_/seg/deeplabv3plus_small.py",
    "../_base_/seg/camvid_small.py",
    "../_base_/seg/adamw_small.py",
    "../_base_/seg/runtime.py",
]
model = dict(data_preprocessor=dict(size=(180, 180)))
train_cfg = dict(max_iters=500, val_interval=500)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=500, by_epoch=False),
]
