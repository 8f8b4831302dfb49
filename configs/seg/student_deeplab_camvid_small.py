# The student alone in the small CamVid runs: half-width MobileNetV2, from random weights.
_base_ = [
    "../_base_/seg/deeplabv3plus_small.py",
    "../_base_/seg/camvid_small.py",
    "../_base_/seg/adamw_small.py",
    "../_base_/seg/runtime.py",
]
_loss = dict(
    # CamVid's rare classes get nothing in runs this short; weights 1/sqrt(frequency in train), mean 1 per pixel (ours)
    class_weight=[0.88, 0.75, 3.63, 0.64, 1.7, 1.15, 3.32, 3.39, 1.49, 4.5, 6.66],
    avg_non_ignore=False,  # with class weights mmseg leaves ignored pixels out of the mean by itself
)
model = dict(
    data_preprocessor=dict(size=(180, 180)),
    decode_head=dict(loss_decode=_loss),
    auxiliary_head=dict(loss_decode=_loss),
)
train_cfg = dict(max_iters=400, val_interval=400)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=400, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))
