# SSD512 on MobileNetV2 alone on COCO: 22 AP in GAN-KD's table.
_base_ = "../_base_/det/ssd512_coco.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="MobileNetV2",
        out_indices=(4, 6),
        init_cfg=dict(type="Pretrained", checkpoint="open-mmlab://mmdet/mobilenet_v2"),
    ),
    neck=dict(in_channels=(96, 320)),
)
