# ACAM-KD (Lan and Tian, ICCV 2025) on generated street scenes in minutes on two cores; networks and schedule are
# ours. A reconstruction, see `common.losses.ACAMLoss`.
_base_ = "./student_deeplab_mini.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_mini.py",
            checkpoint="work_dirs/teacher_deeplab_mini/iter_500.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg"),  # before upsampling
    losses=dict(
        acam=dict(
            type="ACAMLoss",
            student="logits",
            teacher="logits",
            num_masks=11,  # one a class, as the paper's 19 on Cityscapes
            alpha=1.0,
            diversity_weight=1.0,
        )
    ),
    example=dict(type="SegExample", size=(128, 128)),
)
