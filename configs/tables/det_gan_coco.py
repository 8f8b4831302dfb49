# GAN-KD (Wang et al., IEEE Access 2020) on COCO: SSD512 from ResNet-50. Teachers are trained here.
title = "GAN-KD on COCO"
protocol = "COCO 2017 val, 512x512, batch 64, 120 times the set, last checkpoint"
split = "test"
metrics = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
seeds = [0]
baseline = "MobileNetV1 alone"
source = "README of p517332051/GAN-Knowledge-Distillation-SSD (arXiv 1906.08467, IEEE Access 2020)"
rows = [
    dict(
        name="teacher R50",
        config="configs/det/teacher_ssd512_r50_coco.py",
        seeds=[0],
        note="the teachers of the published figures have no figure of their own.",
    ),
    dict(
        name="MobileNetV1 of width 0.75 alone", config="configs/det/student_ssd512_mbv1_075_coco.py", paper=dict(AP=18)
    ),
    dict(
        name="GAN-KD, MobileNetV1 of width 0.75",
        config="configs/det/gan_ssd512_r50_mbv1_075_coco.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(AP=23),
        baseline="MobileNetV1 of width 0.75 alone",
    ),
    dict(name="MobileNetV1 alone", config="configs/det/student_ssd512_mbv1_coco.py", paper=dict(AP=21.7)),
    dict(
        name="GAN-KD, MobileNetV1",
        config="configs/det/gan_ssd512_r50_mbv1_coco.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(AP=25.4),
        baseline="MobileNetV1 alone",
    ),
    dict(name="MobileNetV2 alone", config="configs/det/student_ssd512_mbv2_coco.py", paper=dict(AP=22)),
    dict(
        name="GAN-KD, MobileNetV2",
        config="configs/det/gan_ssd512_r50_mbv2_coco.py",
        teachers=dict(teacher="teacher R50"),
        paper=dict(AP=24.6),
        baseline="MobileNetV2 alone",
    ),
]
