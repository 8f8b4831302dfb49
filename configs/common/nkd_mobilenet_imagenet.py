# NKD on ImageNet, R50 -> MobileNet; temperature and gamma are the authors'. The teacher's weights are torchvision's.
_base_ = "./student_mobilenet_imagenet.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            model=dict(
                type="Classifier",
                network=dict(type="torchvision_network", name="resnet50", weights="IMAGENET1K_V1"),
                data_preprocessor={{_base_.model.data_preprocessor}},
            ),
            checkpoint=None,  # the network fetches its weights itself
        )
    ),
    taps=dict(logits="network"),
    losses=dict(
        nkd=dict(type="nkd_loss", student="logits", teacher="logits", target="gt_label", gamma=1.5, temperature=1.0)
    ),
    example=dict(type="ClassExample", shape=(3, 224, 224)),
)
