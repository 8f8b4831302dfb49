# NKD and USKD on ImageNet, figures of the authors' repository.
title = "ImageNet val"
protocol = "100 epochs, batch 256, single crop of 224, last checkpoint"
split = "test"
metrics = ["accuracy"]
seeds = [0]
baseline = "ResNet-18 alone"
source = "docs/nkd.md of yzd-v/cls_KD (Yang et al., ICCV 2023)"
rows = [
    dict(name="ResNet-18 alone", config="configs/common/student_r18_imagenet.py", paper=dict(accuracy=69.90)),
    dict(name="ResNet-18, NKD from ResNet-34", config="configs/common/nkd_r18_imagenet.py", paper=dict(accuracy=71.96)),
    dict(name="ResNet-18, USKD", config="configs/common/uskd_r18_imagenet.py", paper=dict(accuracy=70.79)),
    dict(name="MobileNet alone", config="configs/common/student_mobilenet_imagenet.py", paper=dict(accuracy=69.21)),
    dict(
        name="MobileNet, NKD from ResNet-50",
        config="configs/common/nkd_mobilenet_imagenet.py",
        paper=dict(accuracy=72.58),
    ),
    dict(name="MobileNet, USKD", config="configs/common/uskd_mobilenet_imagenet.py", paper=dict(accuracy=70.38)),
]
