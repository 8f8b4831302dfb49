# RetinaNet R101 (38.9 AP, mmdet's public weights) teaches RetinaNet on MobileNetV2 on COCO for 24 epochs.
_base_ = "../../det/student_retinanet_mbv2_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_retinanet_r101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/retinanet/retinanet_r101_fpn_2x_coco/"
            "retinanet_r101_fpn_2x_coco_20200131-5560aee8.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
