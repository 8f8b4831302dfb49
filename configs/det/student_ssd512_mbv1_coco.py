# SSD512 on MobileNetV1 alone on COCO: 21.7 AP in GAN-KD's table.
_base_ = "../_base_/det/ssd512_coco.py"
model = dict(
    # From random weights: mmdet has none of this network (init_cfg=dict(type="Pretrained", checkpoint=...) for others).
    backbone=dict(_delete_=True, type="MobileNetV1", out_indices=(3, 4)),
    neck=dict(in_channels=(512, 1024)),
)
