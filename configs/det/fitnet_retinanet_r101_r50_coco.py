# FitNet (Romero et al., ICLR 2015) on COCO: RetinaNet R101 -> RetinaNet R50, 24 epochs. No published figure.
_base_ = "../_base_/det/pair_retinanet_r101_r50_coco.py"
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
