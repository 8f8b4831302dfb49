# Hinton's distillation on your own images, ResNet-50 -> ResNet-18; the weight is ours.
_base_ = "./student_image_folder.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_image_folder.py",
            checkpoint="work_dirs/teacher_image_folder/iter_5000.pth",
        )
    ),
    taps=dict(logits="network"),
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="logits", temperature=4.0)),
    example=dict(type="ClassExample", shape=(3, 224, 224)),
)
