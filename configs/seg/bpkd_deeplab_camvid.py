# BPKD on CamVid: DeepLabV3+ R101 -> DeepLabV3+ MobileNetV2, 360x360, batch 16, 40k iterations. The paper has no
# CamVid row; CIRKD's and Af-DCD's tables have this protocol for other methods.
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
        bpkd=dict(
            type="BPKDLoss",
            student="logits",
            teacher="logits",
            target="gt_sem_seg",
            body_weight=20.0,  # as on Cityscapes: see bpkd_deeplab.py
            edge_weight=50.0,
            alpha=2.0,
            temperature=1.0,
            width=7,
        )
    ),
    example=dict(type="SegExample", size=(128, 128)),
)
