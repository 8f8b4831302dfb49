# GAN-KD (Wang et al., IEEE Access 2020, arXiv 1906.08467) on VOC07+12: SSD512 on ResNet-50 -> MobileNetV2.
# Published: 75.9 -> 77.7 mAP on VOC07 test. The authors released figures and logs, no code.
_base_ = "./student_ssd512_mbv2_voc.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_ssd512_r50_voc.py",
            checkpoint="work_dirs/teacher_ssd512_r50_voc/epoch_24.pth",
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
            # 22 of 24 epochs of 2,587 iterations are adversarial: 220 times the set, 221 in the authors' log
            weight=dict(type="stop_after", value=1.0, steps=56_914),
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
