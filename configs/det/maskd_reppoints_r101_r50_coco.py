# MasKD (Huang et al., ICLR 2023) on COCO: RepPoints R101 -> RepPoints R50, 24 epochs. Published: 38.6 -> 41.1 AP
# (the notes on ACAM-KD). Without the authors' second term, on what the heads predict for boxes.
_base_ = "../_base_/det/pair_reppoints_r101_r50_coco.py"
model = dict(
    losses=dict(
        maskd=dict(
            type="MasKDLoss",
            student="neck",
            teacher="neck",
            tokens="work_dirs/tokens_reppoints_r101_coco.pth",  # six a level; learnt first, see docs/methods.md
            student_mask=True,
            student_mask_from=5000,  # the authors', as the weight
            weight=10.0,
        )
    ),
)
