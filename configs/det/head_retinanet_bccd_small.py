# The student on BCCD with its teacher's head to start with and no distillation, to tell the two apart.
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
    inherit=["bbox_head"],
)
