# KD-CNN by SKD, on frames of your own (configs/_base_/amr/own.py).
# SKD, signal knowledge distillation (Hou et al., IEEE TWC 2024), is a reconstruction: the abstract says soft targets
# and a loss of two parts. This is Hinton's form of that; alpha and temperature are ours:
#   (1 - alpha) * cross-entropy + alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T))
_base_ = "./kdcnn_own.py"
_alpha = 0.7
model = dict(
    _delete_=True,
    type="Distiller",
    student=dict(
        type="Classifier",
        network={{_base_.model.network}},
        data_preprocessor={{_base_.model.data_preprocessor}},
        loss_weight=1 - _alpha,
    ),
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/kdcnn_x3_own.py",
            checkpoint="work_dirs/kdcnn_x3_own/iter_6000.pth",
        )
    ),
    taps=dict(logits="network", maps="network.encoder"),
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="logits", temperature=4.0, weight=_alpha)),
    example=dict(type="SignalExample"),
)
