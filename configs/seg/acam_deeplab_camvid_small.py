# ACAM-KD (Lan and Tian, ICCV 2025) on CamVid at 240x180 in minutes on a CPU; networks and schedule are ours. A
# reconstruction, see `common.losses.ACAMLoss`.
_base_ = "./student_deeplab_camvid_small.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_camvid_small.py",
            checkpoint="work_dirs/teacher_deeplab_camvid_small/iter_500.pth",
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
