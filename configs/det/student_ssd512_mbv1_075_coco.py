# SSD512 on MobileNetV1 of width 0.75 alone on COCO: 18 AP in GAN-KD's table.
_base_ = "../_base_/det/ssd512_coco.py"
model = dict(
    # From random weights: mmdet has none of this network (init_cfg=dict(type="Pretrained", checkpoint=...) for others).
    backbone=dict(_delete_=True, type="MobileNetV1", widen_factor=0.75, out_indices=(3, 4)),
    neck=dict(in_channels=(384, 768)),
)
