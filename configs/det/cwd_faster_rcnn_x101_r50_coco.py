# CWD (Shu et al., ICCV 2021) on COCO: Cascade Mask R-CNN X101-64x4d -> Faster R-CNN R50, 24 epochs. No published
# figure.
_base_ = "../_base_/det/pair_faster_rcnn_x101_r50_coco.py"
model = dict(
    losses=dict(
        cwd=dict(
            type="CWDLoss",
            student="neck",
            teacher="neck",
            temperature=1.0,  # this and the weight as in mmrazor's configs of detectors
            weight=10.0,
        )
    ),
)
