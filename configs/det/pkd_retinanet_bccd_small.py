# PKD (Cao et al., NeurIPS 2022) on BCCD.
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
        pkd=dict(
            type="PKDLoss",
            student="neck",
            teacher="neck",
            weight=10.0,  # as in mmrazor's config of RetinaNet
        )
    ),
    example=dict(type="DetExample", size=(192, 192)),
)
