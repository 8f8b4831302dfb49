# USKD on CIFAR-100 with ResNet-18, without a teacher; alpha, beta and mu are the authors'.
_base_ = "./student_r18_cifar100.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    taps=dict(logits="network", features="network.layer3"),
    losses=dict(
        uskd=dict(
            type="USKDLoss",
            student="logits",
            features="student.features",
            target="gt_label",
            alpha=0.1,
            beta=0.1,
            mu=0.1,
            ranking="code",  # how the published figures were made
        )
    ),
    example=dict(type="ClassExample", shape=(3, 32, 32)),
)
