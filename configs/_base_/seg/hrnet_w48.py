# FCN on HRNetV2-W48, as mmseg's network of this name.
_base_ = "mmseg::_base_/models/fcn_hr18.py"
_widths = (48, 96, 192, 384)
model = dict(
    # ImageNet weights, fetched on first use. Offline: --no-pretrained; the published figures then are out of reach.
    pretrained="open-mmlab://msra/hrnetv2_w48",
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(
        extra=dict(
            stage2=dict(num_channels=_widths[:2]),
            stage3=dict(num_channels=_widths[:3]),
            stage4=dict(num_channels=_widths),
        )
    ),
    decode_head=dict(in_channels=list(_widths), channels=sum(_widths)),
)
