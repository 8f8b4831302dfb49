# KD-CNN by SKD on signals of many rates, roll-offs and offsets.
# SKD, signal knowledge distillation (Hou et al., IEEE TWC 2024), is a reconstruction: the abstract says soft targets
# and a loss of two parts. This is Hinton's form of that; alpha and temperature are ours:
#   (1 - alpha) * cross-entropy + alpha * T^2 * KL(softmax(teacher / T) || softmax(student / T))
_base_ = "./kdcnn_wide.py"
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
            config="{{ fileDirname }}/clst_xs_wide.py",
            checkpoint="work_dirs/clst_xs_wide/iter_2000.pth",
            cache="data/cache",  # its class scores are stored; None where frames are augmented
        )
    ),
    taps=dict(logits="network", maps="network.encoder"),
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="logits", temperature=4.0, weight=_alpha)),
    example=dict(type="SignalExample"),
)
