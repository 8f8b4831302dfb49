# MGD (Yang et al., ECCV 2022) on BCCD.
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
        mgd=dict(
            type="MGDLoss",
            student="neck",
            teacher="neck",
            alpha=2e-5,  # the authors' for detectors of one stage, as is the share
            mask_ratio=0.65,
        )
    ),
    inherit=["bbox_head"],  # the student starts with the teacher's head
    example=dict(type="DetExample", size=(192, 192)),
)
