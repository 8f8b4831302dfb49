# The teacher of GAN-KD's VOC07+12 runs: SSD512 on ResNet-50.
_base_ = "../_base_/det/ssd512_voc.py"
model = dict(
    backbone=dict(
        _delete_=True,
        type="ResNet",
        depth=50,
        out_indices=(2, 3),
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    neck=dict(in_channels=(1024, 2048)),
)
