# FDWA-DKD, reconstructed from its abstract, part by part on generated organs. No published figure belongs beside it.
title = "Generated organs"
protocol = (
    "60 patients of 4 slices of 96x96 to train on, 24 to test; DeepLabV3+ ResNet-18 (half width, 400 iterations) -> "
    "MobileNetV2 (quarter width, 300 iterations), batch 8; mDice over the five organs, without background"
)
split = "test"
metrics = ["mDice", "mIoU", "boundary_F"]
seeds = [0, 1, 2]
baseline = "student alone"
rows = [
    dict(name="teacher", config="configs/seg/teacher_deeplab_organs.py", seeds=[0]),
    dict(name="student alone", config="configs/seg/student_deeplab_organs.py"),
    dict(name="KD", config="configs/seg/kd_deeplab_organs.py", teachers=dict(teacher="teacher")),
    dict(
        name="pixel-wise DKD, fixed weight",
        config="configs/seg/dkd_deeplab_organs.py",
        teachers=dict(teacher="teacher"),
    ),
    dict(
        name="+ weights of feature distance",
        config="configs/seg/fdwa_deeplab_organs.py",
        teachers=dict(teacher="teacher"),
        note="a reconstruction from the abstract",
    ),
    dict(
        name="+ class-wise spatial term (FDWA-DKD)",
        config="configs/seg/fdwa_dkd_deeplab_organs.py",
        teachers=dict(teacher="teacher"),
        note="a reconstruction from the abstract; the last term is channel-wise distillation of the class scores",
    ),
]
