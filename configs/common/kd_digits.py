# Hinton's distillation on handwritten digits. Weights and temperatures of these configs are those of code for
# CIFAR-100, the methods' own or RepDistiller's, unless a comment says ImageNet's or ours.
_base_ = "./student_digits.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(config="{{ fileDirname }}/teacher_digits.py", checkpoint="work_dirs/teacher_digits/iter_1000.pth")
    ),
    taps=dict(
        logits="network",
        stage="network.stages.2",
        stages=["network.stages.0", "network.stages.1", "network.stages.2"],
        embedding="network.pool",
    ),
    # weight 1 beside labels of weight 1: ours (0.9 and 0.1 in RepDistiller)
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="logits", temperature=4.0)),
    example=dict(type="ClassExample", shape=(1, 8, 8)),
)
