# RetinaNet on MobileNetV2 alone on COCO, 24 epochs (ours; no published figure).
_base_ = ["mmdet::retinanet/retinanet_r50_fpn_2x_coco.py", "../_base_/det/suite.py"]
model = dict(
    backbone=dict(
        _delete_=True,
        type="MobileNetV2",
        out_indices=(1, 2, 4, 6),
        norm_cfg=dict(type="BN", requires_grad=True),
        norm_eval=True,
        init_cfg=dict(type="Pretrained", checkpoint="open-mmlab://mmdet/mobilenet_v2"),
    ),
    neck=dict(in_channels=[24, 32, 96, 320]),
)
auto_scale_lr = dict(enable=True)  # the learning rate is for 16 images a step: 8 GPUs with 2 each
