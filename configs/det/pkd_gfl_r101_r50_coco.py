# PKD (Cao et al., NeurIPS 2022) on COCO: GFL R101 -> GFL R50, 12 epochs. No published figure.
_base_ = "../_base_/det/pair_gfl_r101_r50_coco.py"
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
