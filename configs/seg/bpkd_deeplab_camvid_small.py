# BPKD on CamVid at 240x180 in minutes on a CPU; networks and schedule are ours.
_base_ = "./student_deeplab_camvid_small.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_camvid_small.py",
            checkpoint="work_dirs/teacher_deeplab_camvid_small/iter_600.pth",
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
