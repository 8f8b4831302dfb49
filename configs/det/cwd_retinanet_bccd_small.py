# CWD (Shu et al., ICCV 2021) on BCCD.
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
        cwd=dict(
            type="CWDLoss",
            student="neck",
            teacher="neck",
            temperature=1.0,  # this and the weight as in mmrazor's configs of detectors
            weight=10.0,
        )
    ),
    example=dict(type="DetExample", size=(192, 192)),
)
