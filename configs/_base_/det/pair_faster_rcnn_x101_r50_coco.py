# Cascade Mask R-CNN X101-64x4d (45.6 AP, mmdet's public weights) teaches Faster R-CNN R50 (38.4 alone) on COCO for
# 24 epochs.
_base_ = "../../det/student_faster_rcnn_r50_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../det/teacher_cascade_mask_rcnn_x101_coco.py",
            checkpoint="https://download.openmmlab.com/mmdetection/v2.0/cascade_rcnn/cascade_mask_rcnn_x101_64x4d_fpn_20e_coco/"
            "cascade_mask_rcnn_x101_64x4d_fpn_20e_coco_20200512_161033-bdb5126a.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    example=dict(type="DetExample"),
)
optim_wrapper = dict(clip_grad=dict(max_norm=35, norm_type=2))  # FGD's, MGD's and MasKD's; all methods alike
