# Plain distillation of every pixel's class probabilities (Hinton et al., 2015) on generated organs.
_base_ = "./student_deeplab_organs.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_organs.py",
            checkpoint="work_dirs/teacher_deeplab_organs/iter_400.pth",
        )
    ),
    taps=dict(
        logits="decode_head.conv_seg",  # before upsampling
        features="decode_head.sep_bottleneck",  # what the classifier sees, before dropout
    ),
    losses=dict(
        # temperature 1 and weight 1: what CIRKD's tables run
        kd=dict(type="KDLoss", student="logits", teacher="logits", target="gt_sem_seg", temperature=1.0)
    ),
    example=dict(type="SegExample", size=(96, 96)),
)
