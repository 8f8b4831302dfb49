# LD (Zheng et al., CVPR 2022) on COCO: GFL R101 -> GFL R50, 12 epochs. Published: 40.2 -> 42.1 AP (the authors'
# README, with more regions). mmdet's form: where objects are assigned (41.0 in its metafile).
_base_ = "../_base_/det/pair_gfl_r101_r50_coco.py"
model = dict(
    taps=dict(
        sides=[f"bbox_head.scales.{level}" for level in range(5)],
        scores="bbox_head.gfl_cls",
    ),
    losses=dict(
        ld=dict(
            type="LDBoxLoss",
            student="sides",
            teacher="sides",
            scores="student.scores",
            objects="gt_instances",
            ignored="gt.ignored_instances",
            image_size="gt.img_shape",
            padded_size="gt.pad_shape",
            temperature=10.0,  # the authors', as the weight
            weight=0.25,
        )
    ),
)
