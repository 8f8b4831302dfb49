# The teacher of the generated organs: DeepLabV3+ on a ResNet-18 of half width.
_base_ = [
    "../_base_/seg/deeplabv3plus_small.py",
    "../_base_/seg/synthetic_organs.py",
    "../_base_/seg/adamw_small.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(96, 96)),
    backbone=dict(
        _delete_=True,
        type="ResNetV1c",
        depth=18,
        base_channels=32,
        stem_channels=32,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        norm_cfg=dict(type="BN", requires_grad=True),
    ),
    decode_head=dict(in_channels=256, c1_in_channels=32, num_classes=6),
    auxiliary_head=dict(in_channels=128, channels=64, num_classes=6),
)
train_cfg = dict(max_iters=400, val_interval=400)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=400, by_epoch=False),
]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))
