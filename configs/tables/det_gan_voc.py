# GAN-KD (Wang et al., IEEE Access 2020) on VOC: SSD512 from ResNet-50. Teachers are trained here.
title = "GAN-KD on VOC"
protocol = (
    "VOC07 test, trained on VOC07+12 trainval, 512x512, batch 64, 240 times the set, last checkpoint; "
    "which points the published mAP takes is not known"
)
split = "test"
metrics = ["mAP_11", "mAP_area", "AP", "AP50"]
seeds = [0]
baseline = "MobileNetV1 alone"
source = "README of p517332051/GAN-Knowledge-Distillation-SSD (arXiv 1906.08467, IEEE Access 2020)"
rows = [
    dict(
        name="teacher R50",
        config="configs/det/teacher_ssd512_r50_voc.py",
        seeds=[0],
        note="the teachers of the published figures have no figure of their own.",
    ),
    dict(name="MobileNetV1 alone", config="configs/det/student_ssd512_mbv1_voc.py", paper=dict(mAP_11=75.4)),
    dict(
        name="GAN-KD, MobileNetV1",
        config="configs/det/gan_ssd512_r50_mbv1_voc.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(mAP_11=77.7),
        baseline="MobileNetV1 alone",
    ),
    dict(name="MobileNetV2 alone", config="configs/det/student_ssd512_mbv2_voc.py", paper=dict(mAP_11=75.9)),
    dict(
        name="GAN-KD, MobileNetV2",
        config="configs/det/gan_ssd512_r50_mbv2_voc.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(mAP_11=77.7),
        baseline="MobileNetV2 alone",
    ),
    dict(name="ResNet-18 alone", config="configs/det/student_ssd512_r18_voc.py", paper=dict(mAP_11=74.8)),
    dict(
        name="GAN-KD, ResNet-18",
        config="configs/det/gan_ssd512_r50_r18_voc.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(mAP_11=77.6),
        baseline="ResNet-18 alone",
    ),
    dict(name="GAN-KD, MobileNetV1 from VGG16", paper=dict(mAP_11=77.3), baseline="MobileNetV1 alone"),
    dict(name="GAN-KD, MobileNetV1 from R101", paper=dict(mAP_11=77.6), baseline="MobileNetV1 alone"),
    dict(
        name="GAN-KD with cosine attention, MobileNetV1 from R50", paper=dict(mAP_11=78.4), baseline="MobileNetV1 alone"
    ),
    dict(name="GAN-KD, MobileNetV2 from VGG16", paper=dict(mAP_11=77.2), baseline="MobileNetV2 alone"),
    dict(name="GAN-KD, MobileNetV2 from R101", paper=dict(mAP_11=77.5), baseline="MobileNetV2 alone"),
    dict(name="GAN-KD, ResNet-18 from VGG16", paper=dict(mAP_11=77.2), baseline="ResNet-18 alone"),
    dict(name="GAN-KD, ResNet-18 from R101", paper=dict(mAP_11=77.3), baseline="ResNet-18 alone"),
]
