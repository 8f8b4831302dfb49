# FGD (Yang et al., CVPR 2022) on COCO: Faster R-CNN R101 -> Faster R-CNN R50, 24 epochs. Published: 38.4 -> 40.4 AP
# (the notes on ACAM-KD).
_base_ = "../_base_/det/pair_faster_rcnn_r101_r50_coco.py"
model = dict(
    taps=dict(neck=["neck[0]", "neck[1]", "neck[2]", "neck[3]"]),  # all but the last, as the authors' for two stages
    losses=dict(
        fgd=dict(
            type="FGDLoss",
            student="neck",
            teacher="neck",
            boxes="gt_instances.bboxes",
            image_size="gt.img_shape",
            temperature=0.5,  # this and the weights as the authors have them for detectors of two stages
            alpha_fgd=5e-5,
            beta_fgd=2.5e-5,
            gamma_fgd=5e-5,
            lambda_fgd=5e-7,
        )
    ),
    inherit=["neck", "rpn_head", "roi_head"],  # the student starts with these of the teacher
)
