# ACAM-KD (Lan and Tian, ICCV 2025) on BCCD. A reconstruction, see tasks/det/README.md.
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
        acam=dict(
            type="ACAMLoss",
            student="neck",
            teacher="neck",
            num_masks=6,  # the authors' for detection
            alpha=1.0,
            diversity_weight=1.0,
        )
    ),
    inherit=["bbox_head"],  # the student starts with the teacher's head
    example=dict(type="DetExample", size=(192, 192)),
)
custom_hooks = [dict(type="MaskPictureHook", interval=250)]  # WORK_DIR/masks
