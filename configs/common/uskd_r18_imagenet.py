# USKD on ImageNet, without a teacher; alpha, beta and mu are the authors'.
_base_ = "./student_r18_imagenet.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    taps=dict(logits="network", features="network.layer3"),  # the last stage but one
    losses=dict(
        uskd=dict(
            type="USKDLoss",
            student="logits",
            features="student.features",
            target="gt_label",
            alpha=1.0,
            beta=0.1,
            mu=0.005,
            ranking="code",  # how the published figures were made
        )
    ),
    example=dict(type="ClassExample", shape=(3, 224, 224)),
)
