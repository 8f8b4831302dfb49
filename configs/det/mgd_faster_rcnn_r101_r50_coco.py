# MGD (Yang et al., ECCV 2022) on COCO: Faster R-CNN R101 -> Faster R-CNN R50, 24 epochs. No published figure.
_base_ = "../_base_/det/pair_faster_rcnn_r101_r50_coco.py"
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
    inherit=["neck", "rpn_head", "roi_head"],  # the student starts with these of the teacher
)
