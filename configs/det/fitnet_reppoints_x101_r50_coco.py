# FitNet (Romero et al., ICLR 2015) on COCO: RepPoints X101-32x4d with deformable convolutions -> RepPoints R50, 24
# epochs. No published figure.
_base_ = "../_base_/det/pair_reppoints_x101_r50_coco.py"
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
