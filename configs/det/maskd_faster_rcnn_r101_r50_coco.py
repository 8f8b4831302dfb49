# MasKD (Huang et al., ICLR 2023) on COCO: Faster R-CNN R101 -> Faster R-CNN R50, 24 epochs. Published: 38.4 -> 41.0
# AP (the authors' README; 40.8 in the notes on ACAM-KD). Without the authors' second term, on what the heads
# predict for boxes.
_base_ = "../_base_/det/pair_faster_rcnn_r101_r50_coco.py"
model = dict(
    losses=dict(
        maskd=dict(
            type="MasKDLoss",
            student="neck",
            teacher="neck",
            tokens="work_dirs/tokens_faster_rcnn_r101_coco.pth",  # six a level; learnt first, see docs/methods.md
            student_mask=True,
            student_mask_from=7330,  # the authors', as the weight
            weight=1.0,
        )
    ),
)
