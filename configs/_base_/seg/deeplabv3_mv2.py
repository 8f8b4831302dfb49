_base_ = "./deeplabv3_r101.py"
# A head of 128 channels (ours, as that of the ResNet-18 student; mmseg's has 512) and none beside it, as MasKD's code.
model = dict(
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
    decode_head=dict(in_channels=320, channels=128),
    auxiliary_head=None,
)
