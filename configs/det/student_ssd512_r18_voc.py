# SSD512 on ResNet-18 alone on VOC07+12: 74.8 mAP on VOC07 test in GAN-KD's table.
_base_ = "../_base_/det/ssd512_voc.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="ResNet",
        depth=18,
        out_indices=(2, 3),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet18"),
    ),
    neck=dict(in_channels=(256, 512)),
)
