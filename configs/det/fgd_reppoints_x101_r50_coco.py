# FGD (Yang et al., CVPR 2022) on COCO: RepPoints X101-32x4d with deformable convolutions -> RepPoints R50, 24
# epochs. Published: 38.6 -> 42.0 AP.
_base_ = "../_base_/det/pair_reppoints_x101_r50_coco.py"
model = dict(
    losses=dict(
        fgd=dict(
            type="FGDLoss",
            student="neck",
            teacher="neck",
            boxes="gt_instances.bboxes",
            image_size="gt.img_shape",
            temperature=0.5,  # this and the weights as the authors have them for RepPoints
            alpha_fgd=1.6e-3,
            beta_fgd=8e-4,
            gamma_fgd=8e-4,
            lambda_fgd=8e-6,
        )
    ),
    inherit=["neck", "bbox_head"],  # the student starts with these of the teacher
)
