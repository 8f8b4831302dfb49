# FCOS R101 (caffe style) (40.8 AP, mmdet's public weights) teaches FCOS R50 (38.5 alone) on COCO for 24 epochs.
_base_ = "../../det/student_fcos_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_fcos_r101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/fcos/fcos_r101_caffe_fpn_gn-head_mstrain_640-800_2x_coco/"
            "fcos_r101_caffe_fpn_gn-head_mstrain_640-800_2x_coco-511424d6.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
