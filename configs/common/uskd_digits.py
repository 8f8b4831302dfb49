# USKD: distillation of a network from itself (Yang et al., ICCV 2023); there is no teacher.
_base_ = "./student_digits.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    taps=dict(logits="network", features="network.stages.1"),
    losses=dict(
        uskd=dict(
            type="USKDLoss",
            student="logits",
            features="student.features",
            target="gt_label",
            alpha=0.1,
            beta=0.1,
            mu=0.1,  # as for CIFAR-100
            ranking="paper",
        )
    ),
    example=dict(type="ClassExample", shape=(1, 8, 8)),
)
