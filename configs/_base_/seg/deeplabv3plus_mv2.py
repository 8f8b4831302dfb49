_base_ = "./deeplabv3plus_r101.py"
# Heads of 128 and 64 channels, as BPKD's evaluation configs narrow them (mmseg's stock network has 512 and 256).
model = dict(
    # ImageNet weights, fetched on first use. Offline: --no-pretrained; the published figures then are out of
    # reach (by how much was not measured here).
    pretrained="mmcls://mobilenet_v2",
    backbone=dict(
        _delete_=True,
        type="MobileNetV2",
        widen_factor=1.0,
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(1, 2, 4, 6),
        norm_cfg=dict(type="SyncBN", requires_grad=True),
    ),
    decode_head=dict(in_channels=320, c1_in_channels=24, channels=128),
    auxiliary_head=dict(in_channels=96, channels=64),
)
