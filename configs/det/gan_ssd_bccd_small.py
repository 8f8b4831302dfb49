# GAN-KD (Wang et al., IEEE Access 2020) on BCCD: SSD on EfficientNet-Lite0 -> SSD on half-width MobileNetV1.
_base_ = "./student_ssd_bccd_small.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_ssd_bccd_small.py",
            checkpoint="work_dirs/teacher_ssd_bccd_small/iter_1000.pth",
        )
    ),
    taps=dict(neck="neck"),  # four maps, with a critic for each
    losses=dict(
        gan=dict(
            type="FeatureGANLoss",
            student="neck",
            teacher="neck",
            width=128,  # of the critics; 512 in the authors' figure, for maps of 512 channels
            objective="wgan",
            clip=0.03,  # of the authors' log
            weight=dict(type="stop_after", value=1.0, steps=400),  # the first phase; then plain training
        )
    ),
    inherit=["bbox_head"],  # trained on with the student
    example=dict(type="DetExample", size=(192, 192)),
)
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student={{_base_.optim_wrapper}},
    critic=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=5e-4, betas=(0.5, 0.999))),  # of the authors' log
)
