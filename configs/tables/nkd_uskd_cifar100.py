# NKD and USKD on CIFAR-100; the authors' repository gives no figures for it.
title = "CIFAR-100 test"
protocol = "200 epochs, batch 128, last checkpoint"
split = "test"
metrics = ["accuracy"]
seeds = [0, 1, 2]
baseline = "ResNet-18 alone"
rows = [
    dict(name="ResNet-34", config="configs/common/teacher_r34_cifar100.py", seeds=[0]),
    dict(name="ResNet-18 alone", config="configs/common/student_r18_cifar100.py"),
    dict(name="NKD", config="configs/common/nkd_r18_cifar100.py", teachers=dict(teacher="ResNet-34")),
    dict(name="USKD", config="configs/common/uskd_r18_cifar100.py", note="from itself, without a teacher."),
]
