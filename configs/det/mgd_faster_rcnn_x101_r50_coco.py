# MGD (Yang et al., ECCV 2022) on COCO: Cascade Mask R-CNN X101-64x4d -> Faster R-CNN R50, 24 epochs. Published:
# 38.4 -> 42.1 AP.
_base_ = "../_base_/det/pair_faster_rcnn_x101_r50_coco.py"
model = dict(
    taps=dict(neck=["neck[0]", "neck[1]", "neck[2]", "neck[3]"]),  # as FGD's, on whose code it is
    losses=dict(
        mgd=dict(
            type="MGDLoss",
            student="neck",
            teacher="neck",
            alpha=5e-7,  # the authors' for detectors of two stages, as is the share
            mask_ratio=0.45,
        )
    ),
    inherit=["neck", "rpn_head"],  # what both have alike
)
