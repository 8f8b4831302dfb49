# What `make demo` runs on generated street scenes.
title = "Generated street scenes"
protocol = "DeepLabV3+ ResNet-18 (half width) -> MobileNetV2 (quarter width), 160x120, minutes on two cores"
split = "test"
metrics = ["mIoU", "boundary_F", "trimap_IoU_3"]
seeds = [0]
baseline = "student alone"
rows = [
    dict(name="teacher", config="configs/seg/teacher_deeplab_mini.py"),
    dict(name="student alone", config="configs/seg/student_deeplab_mini.py"),
    dict(name="KD", config="configs/seg/kd_deeplab_mini.py", teachers=dict(teacher="teacher")),
    dict(name="CWD", config="configs/seg/cwd_deeplab_mini.py", teachers=dict(teacher="teacher")),
    dict(name="BPKD", config="configs/seg/bpkd_deeplab_mini.py", teachers=dict(teacher="teacher")),
]
