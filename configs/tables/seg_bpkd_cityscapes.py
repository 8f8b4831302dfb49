# BPKD's Cityscapes row for DeepLabV3+ R101 -> MobileNetV2, from the README of the authors' repository.
title = "Cityscapes val"
protocol = "512x1024, batch 8, 80k iterations, last checkpoint, single scale"
split = "val"
metrics = ["mIoU", "mAcc", "boundary_F", "trimap_IoU_3"]
seeds = [0, 1, 2]
baseline = "student alone"
source = "README of AkideLiu/BPKD (arXiv 2306.08075, WACV 2024)"
rows = [
    dict(
        name="teacher",
        config="configs/seg/teacher_deeplab.py",
        seeds=[0],
        paper=dict(mIoU=80.98),
        note="the paper's links behind this teacher point to DeepLabV3 configs.",
    ),
    dict(
        name="student alone",
        config="configs/seg/student_deeplab.py",
        paper=dict(mIoU=75.29),
        note="the paper's figure is mmseg's stock network with 512 head channels; the distilled one has 128.",
    ),
    dict(name="KD", config="configs/seg/kd_deeplab.py", teachers=dict(teacher="teacher")),
    dict(name="CWD", config="configs/seg/cwd_deeplab.py", teachers=dict(teacher="teacher"), paper=dict(mIoU=77.97)),
    dict(
        name="BPKD",
        config="configs/seg/bpkd_deeplab.py",
        teachers=dict(teacher="teacher"),
        paper=dict(mIoU=78.59, mAcc=86.45),
    ),
    dict(name="SKDS", paper=dict(mIoU=76.05)),
    dict(name="IFVD", paper=dict(mIoU=76.97)),
    dict(name="CIRKD", paper=dict(mIoU=77.71)),
]
