# NKD on CIFAR-100, ResNet-34 -> ResNet-18; temperature and gamma are the authors'.
_base_ = "./student_r18_cifar100.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_r34_cifar100.py",
            checkpoint="work_dirs/teacher_r34_cifar100/iter_78200.pth",
        )
    ),
    taps=dict(logits="network"),
    losses=dict(
        nkd=dict(type="nkd_loss", student="logits", teacher="logits", target="gt_label", gamma=3.5, temperature=3.0)
    ),
    example=dict(type="ClassExample", shape=(3, 32, 32)),
)
