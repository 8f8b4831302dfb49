# PKD (Cao et al., NeurIPS 2022) on COCO: Faster R-CNN R101 -> Faster R-CNN R50, 24 epochs. Published: 38.4 -> 40.3
# AP.
_base_ = "../_base_/det/pair_faster_rcnn_r101_r50_coco.py"
model = dict(
    taps=dict(neck=["neck[0]", "neck[1]", "neck[2]", "neck[3]"]),  # mmrazor's four
    losses=dict(
        pkd=dict(
            type="PKDLoss",
            student="neck",
            teacher="neck",
            weight=6.0,  # as in mmrazor's config of Faster R-CNN
        )
    ),
)
