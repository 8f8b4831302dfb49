# ACAM-KD and GAN-KD beside their peers on real blood cells, sized for two cores. No published figure belongs beside it.
title = "BCCD at 320x240, AP in percent"
protocol = (
    "205 training images, windows of 192 pixels, batch 8, AdamW at 1e-3, cosine; students 600 and teachers 1,000 "
    "iterations; 48 test images at 320x240, scored at 640x480; last checkpoint"
)
split = "test"
metrics = ["AP", "AP50", "AP75", "AP_medium", "AP_large", "AP_RBC", "AP_WBC", "AP_Platelets"]
seeds = [0, 1, 2]
baseline = "RetinaNet alone"
rows = [
    dict(
        name="RetinaNet teacher",
        config="configs/det/teacher_retinanet_bccd_small.py",
        seeds=[0],
        note="EfficientNet-Lite0 with ImageNet weights; one teacher serves every arm.",
    ),
    dict(name="RetinaNet alone", config="configs/det/student_retinanet_bccd_small.py"),
    dict(
        name="teacher's head alone",
        config="configs/det/head_retinanet_bccd_small.py",
        teachers=dict(teacher="RetinaNet teacher"),
        note="starts with the teacher's head and is not distilled: what that start is worth to ACAM-KD, FGD and MGD.",
    ),
    dict(
        name="ACAM-KD",
        config="configs/det/acam_retinanet_bccd_small.py",
        teachers=dict(teacher="RetinaNet teacher"),
        note="a reconstruction; weights of the paper.",
    ),
    dict(name="FGD", config="configs/det/fgd_retinanet_bccd_small.py", teachers=dict(teacher="RetinaNet teacher")),
    dict(name="MGD", config="configs/det/mgd_retinanet_bccd_small.py", teachers=dict(teacher="RetinaNet teacher")),
    dict(name="CWD", config="configs/det/cwd_retinanet_bccd_small.py", teachers=dict(teacher="RetinaNet teacher")),
    dict(name="PKD", config="configs/det/pkd_retinanet_bccd_small.py", teachers=dict(teacher="RetinaNet teacher")),
    dict(
        name="SSD teacher",
        config="configs/det/teacher_ssd_bccd_small.py",
        seeds=[0],
        note="EfficientNet-Lite0 with ImageNet weights.",
    ),
    dict(name="SSD alone", config="configs/det/student_ssd_bccd_small.py"),
    dict(
        name="GAN-KD",
        config="configs/det/gan_ssd_bccd_small.py",
        teachers=dict(teacher="SSD teacher"),
        baseline="SSD alone",
    ),
]
