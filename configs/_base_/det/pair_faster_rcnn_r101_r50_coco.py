# Faster R-CNN R101 (39.8 AP, mmdet's public weights) teaches Faster R-CNN R50 (38.4 alone) on COCO for 24 epochs.
_base_ = "../../det/student_faster_rcnn_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_faster_rcnn_r101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/faster_rcnn/faster_rcnn_r101_fpn_2x_coco/"
            "faster_rcnn_r101_fpn_2x_coco_bbox_mAP-0.398_20200504_210455-1d2dac9c.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
