# MGD (Yang et al., ECCV 2022) on COCO: RepPoints X101-32x4d with deformable convolutions -> RepPoints R50, 24
# epochs. Published: 38.6 -> 42.3 AP.
_base_ = "../_base_/det/pair_reppoints_x101_r50_coco.py"
model = dict(
    losses=dict(
        mgd=dict(
            type="MGDLoss",
            student="neck",
            teacher="neck",
            alpha=2e-5,  # the authors' for detectors of one stage, as is the share
            mask_ratio=0.65,
        )
    ),
    inherit=["neck", "bbox_head"],  # the student starts with these of the teacher
)
