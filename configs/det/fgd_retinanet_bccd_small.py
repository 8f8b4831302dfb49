# FGD (Yang et al., CVPR 2022) on BCCD.
_base_ = "./student_retinanet_bccd_small.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_retinanet_bccd_small.py",
            checkpoint="work_dirs/teacher_retinanet_bccd_small/iter_1000.pth",
        )
    ),
    taps=dict(neck="neck"),  # all levels of the pyramid
    losses=dict(
        fgd=dict(
            type="FGDLoss",
            student="neck",
            teacher="neck",
            boxes="gt_instances.bboxes",
            image_size="gt.img_shape",
            temperature=0.5,  # this and the weights as the authors have them for RetinaNet
            alpha_fgd=1e-3,
            beta_fgd=5e-4,
            gamma_fgd=5e-4,
            lambda_fgd=5e-6,
        )
    ),
    inherit=["bbox_head"],  # the student starts with the teacher's head
    example=dict(type="DetExample", size=(192, 192)),
)
