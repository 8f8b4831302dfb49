# GFL R101 (44.7 AP, mmdet's public weights) teaches GFL R50 (40.2 alone) on COCO for 12 epochs.
_base_ = "../../det/student_gfl_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_gfl_r101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/gfl/gfl_r101_fpn_mstrain_2x_coco/"
            "gfl_r101_fpn_mstrain_2x_coco_20200629_200126-dd12f847.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
