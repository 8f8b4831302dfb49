# RepPoints X101-32x4d with deformable convolutions (44.2 AP, mmdet's public weights) teaches RepPoints R50 (38.6
# alone) on COCO for 24 epochs.
_base_ = "../../det/student_reppoints_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_reppoints_x101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/reppoints/reppoints_moment_x101_fpn_dconv_c3-c5_gn-neck%2Bhead_2x_coco/"
            "reppoints_moment_x101_fpn_dconv_c3-c5_gn-neck%2Bhead_2x_coco_20200329-f87da1ea.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
