# CrossKD (Wang et al., CVPR 2024, arXiv 2306.11369) on COCO: GFL R101 -> GFL R50, 12 epochs. Published: 40.2 ->
# 43.7 AP. From the formulas; add pkd (weight 6) for the 43.9 of both.
_base_ = "../_base_/det/pair_gfl_r101_r50_coco.py"
model = dict(
    taps=dict(
        # Behind the third of four convolutions, i = 3.
        of_scores="bbox_head.cls_convs.2",
        of_sides="bbox_head.reg_convs.2",
        scores="bbox_head.gfl_cls",
        sides=[f"bbox_head.scales.{level}" for level in range(5)],
    ),
    losses=dict(
        crosskd_scores=dict(
            type="CrossKDLoss",
            student="of_scores",
            teacher="of_scores",
            prediction="teacher.scores",
            confidence="teacher.scores",
            rest=["bbox_head.cls_convs.3", "bbox_head.gfl_cls"],  # the teacher's, behind the student's features
            beta=1.0,
            weight=1.0,  # the authors', as that of the sides
        ),
        crosskd_sides=dict(
            type="CrossKDLoss",
            kind="bins",
            student="of_sides",
            teacher="of_sides",
            prediction="teacher.sides",
            confidence="teacher.scores",
            rest=[
                "bbox_head.reg_convs.3",
                "bbox_head.gfl_reg",
                [f"bbox_head.scales.{level}" for level in range(5)],
            ],
            weight=4.0,
        ),
    ),
)
