# RetinaNet X101-64x4d (41.0 AP, mmdet's public weights) teaches RetinaNet R50 (37.4 alone) on COCO for 24 epochs.
_base_ = "../../det/student_retinanet_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_retinanet_x101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/retinanet/retinanet_x101_64x4d_fpn_1x_coco/"
            "retinanet_x101_64x4d_fpn_1x_coco_20200130-366f5af1.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
