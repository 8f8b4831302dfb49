# CNN3 by distillation from the Inception-ResNet, on RadioML 2016.10A (Wang and Liu, Electronics 2022).
# The paper's layers, temperature and weights could not be had; those of SKD's reconstruction stand in.
_base_ = "./cnn3_rml2016a.py"
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
            config="{{ fileDirname }}/inception_resnet_rml2016a.py",
            checkpoint="work_dirs/inception_resnet_rml2016a/iter_19800.pth",
            cache="data/cache",  # its class scores are stored; None where frames are augmented
        )
    ),
    taps=dict(logits="network"),
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="logits", temperature=4.0, weight=_alpha)),
    example=dict(type="SignalExample"),
)
