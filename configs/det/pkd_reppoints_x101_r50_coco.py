# PKD (Cao et al., NeurIPS 2022) on COCO: RepPoints X101-32x4d with deformable convolutions -> RepPoints R50, 24
# epochs. Published: 38.6 -> 42.3 AP.
_base_ = "../_base_/det/pair_reppoints_x101_r50_coco.py"
model = dict(
    taps=dict(neck=["neck[0]", "neck[1]", "neck[2]", "neck[3]"]),  # mmrazor's four
    losses=dict(
        pkd=dict(
            type="PKDLoss",
            student="neck",
            teacher="neck",
            weight=10.0,  # as in mmrazor's config of RetinaNet
        )
    ),
)
