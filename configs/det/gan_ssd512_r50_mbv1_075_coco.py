# GAN-KD (Wang et al., IEEE Access 2020, arXiv 1906.08467) on COCO: SSD512 on ResNet-50 -> MobileNetV1 of width
# 0.75. Published: 18 -> 23 AP. The authors released figures and logs, no code.
_base_ = "./student_ssd512_mbv1_075_coco.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_ssd512_r50_coco.py",
            checkpoint="work_dirs/teacher_ssd512_r50_coco/epoch_24.pth",
        )
    ),
    taps=dict(neck="neck"),  # six maps, with a critic for each
    losses=dict(
        gan=dict(
            type="FeatureGANLoss",
            student="neck",
            teacher="neck",
            objective="wgan",
            clip=0.03,  # of the authors' log
            # 22 of 24 epochs of 9,162 iterations are adversarial (the share is that of the VOC runs)
            weight=dict(type="stop_after", value=1.0, steps=201_564),
        ),
        # Terms that some have beside the critics; not the authors':
        # l2=dict(type="FitNetLoss", student="neck", teacher="neck"),
    ),
    inherit=["bbox_head"],  # trained on with the student
    example=dict(type="DetExample", size=(512, 512)),
)
# Both at lr 5e-4 with beta1 0.5, of the authors' log. Their second phase has SGD at 1e-3, not a tenth of this.
optim_wrapper = dict(
    _delete_=True,
    constructor="CriticOptimWrapperConstructor",
    student=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=5e-4, betas=(0.5, 0.999))),
    critic=dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=5e-4, betas=(0.5, 0.999))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=24, milestones=[22], gamma=0.1),
]
