# MasKD (Huang et al., ICLR 2023) on COCO: Cascade Mask R-CNN X101-64x4d -> Faster R-CNN R50, 24 epochs. Published:
# 38.4 -> 42.7 AP. Without the authors' second term, on what the heads predict for boxes.
_base_ = "../_base_/det/pair_faster_rcnn_x101_r50_coco.py"
model = dict(
    losses=dict(
        maskd=dict(
            type="MasKDLoss",
            student="neck",
            teacher="neck",
            tokens="work_dirs/tokens_cascade_mask_rcnn_x101_coco.pth",  # six a level; learnt first, see docs/methods.md
            student_mask=True,
            student_mask_from=5000,  # the authors', as the weight
            weight=1.0,
        )
    ),
)
