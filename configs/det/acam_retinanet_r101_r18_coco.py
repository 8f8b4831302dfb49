# ACAM-KD (Lan and Tian, ICCV 2025) on COCO: RetinaNet R101 -> RetinaNet R18, 12 epochs. No published figure. A
# reconstruction from notes on the paper, see `common.losses.ACAMLoss`.
_base_ = "../_base_/det/pair_retinanet_r101_r18_coco.py"
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
    inherit=["bbox_head"],  # the student starts with the teacher's; the necks differ
)
