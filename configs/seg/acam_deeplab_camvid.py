# ACAM-KD (Lan and Tian, ICCV 2025) on CamVid: DeepLabV3+ R101 -> DeepLabV3+ MobileNetV2, 360x360, batch 16, 40k
# iterations. The paper has no CamVid row. A reconstruction, see `common.losses.ACAMLoss`.
_base_ = "./student_deeplab_camvid.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_camvid.py",
            checkpoint="work_dirs/teacher_deeplab_camvid/iter_40000.pth",
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
