# FGD (Yang et al., CVPR 2022) on COCO: FCOS R101 (caffe style) -> FCOS R50, 24 epochs. Published: 38.5 -> 42.7 AP.
_base_ = "../_base_/det/pair_fcos_r101_r50_coco.py"
model = dict(
    losses=dict(
        fgd=dict(
            type="FGDLoss",
            student="neck",
            teacher="neck",
            boxes="gt_instances.bboxes",
            image_size="gt.img_shape",
            temperature=0.8,  # this and the weights as the authors have them for FCOS
            alpha_fgd=1.6e-3,
            beta_fgd=8e-4,
            gamma_fgd=8e-4,
            lambda_fgd=8e-6,
        )
    ),
    inherit=["neck", "bbox_head"],  # the student starts with these of the teacher
)
