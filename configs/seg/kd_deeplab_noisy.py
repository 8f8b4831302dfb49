# Plain distillation from a teacher that has learnt from the same noisy labels.
_base_ = "./student_deeplab_noisy.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab_noisy.py",
            checkpoint="work_dirs/teacher_deeplab_noisy/iter_500.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg"),  # before upsampling
    # as in kd_deeplab_mini.py
    losses=dict(kd=dict(type="KDLoss", student="logits", teacher="logits", target="gt_sem_seg", temperature=1.0)),
    example=dict(type="SegExample", size=(128, 128)),
)
