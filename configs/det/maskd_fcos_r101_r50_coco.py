# MasKD (Huang et al., ICLR 2023) on COCO: FCOS R101 (caffe style) -> FCOS R50, 24 epochs. Published: 38.5 -> 42.9
# AP. Without the authors' second term, on what the heads predict for boxes.
_base_ = "../_base_/det/pair_fcos_r101_r50_coco.py"
model = dict(
    losses=dict(
        maskd=dict(
            type="MasKDLoss",
            student="neck",
            teacher="neck",
            tokens="work_dirs/tokens_fcos_r101_coco.pth",  # six a level; learnt first, see docs/methods.md
            student_mask=True,
            student_mask_from=5000,  # the authors', as the weight
            weight=10.0,
        )
    ),
)
