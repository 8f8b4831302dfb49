# FitNet (Romero et al., ICLR 2015) on COCO: Cascade Mask R-CNN X101-64x4d -> Faster R-CNN R50, 24 epochs. No
# published figure.
_base_ = "../_base_/det/pair_faster_rcnn_x101_r50_coco.py"
model = dict(
    losses=dict(
        fitnet=dict(
            type="FitNetLoss",
            student="neck",
            teacher="neck",
            weight=1.0,  # ours
        )
    ),
)
