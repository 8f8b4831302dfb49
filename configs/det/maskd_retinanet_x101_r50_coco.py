# MasKD (Huang et al., ICLR 2023) on COCO: RetinaNet X101-64x4d -> RetinaNet R50, 24 epochs. Published: 37.4 -> 41.0
# AP. Without the authors' second term, on what the heads predict for boxes.
_base_ = "../_base_/det/pair_retinanet_x101_r50_coco.py"
model = dict(
    losses=dict(
        maskd=dict(
            type="MasKDLoss",
            student="neck",
            teacher="neck",
            tokens="work_dirs/tokens_retinanet_x101_coco.pth",  # six a level; learnt first, see docs/methods.md
            student_mask=True,
            student_mask_from=8500,  # the authors', as the weight
            weight=7.0,
        )
    ),
    inherit=["neck", "bbox_head"],  # the authors' for RetinaNet
)
