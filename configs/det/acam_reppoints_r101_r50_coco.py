# ACAM-KD (Lan and Tian, ICCV 2025) on COCO: RepPoints R101 -> RepPoints R50, 24 epochs. Published: 38.6 -> 42.5 AP.
# A reconstruction from notes on the paper, see `common.losses.ACAMLoss`.
_base_ = "../_base_/det/pair_reppoints_r101_r50_coco.py"
model = dict(
    losses=dict(
        acam=dict(
            type="ACAMLoss",
            student="neck",
            teacher="neck",
            num_masks=6,  # the paper's for detection, as both weights
            alpha=1.0,
            diversity_weight=1.0,
        )
    ),
    inherit=["neck", "bbox_head"],  # the student starts with these of the teacher
)
