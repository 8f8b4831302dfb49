# PKD (Cao et al., NeurIPS 2022) on COCO: RetinaNet X101-64x4d -> RetinaNet R50, 24 epochs. Published: 37.4 -> 40.8
# AP.
_base_ = "../_base_/det/pair_retinanet_x101_r50_coco.py"
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
