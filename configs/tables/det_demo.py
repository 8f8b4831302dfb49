# What `make demo` runs on generated scenes.
title = "Generated scenes, AP in percent"
protocol = (
    "RetinaNet on MobileNetV2 (1,500 iterations) -> on MobileNetV2 of a third of its width (1,000), 160 pixels, "
    "minutes on two cores"
)
split = "test"
metrics = ["AP", "AP50", "AP_small", "AP_medium"]
seeds = [0]
baseline = "student alone"
rows = [
    dict(name="teacher", config="configs/det/teacher_retinanet_synthetic.py"),
    dict(name="student alone", config="configs/det/student_retinanet_synthetic.py"),
    dict(
        name="ACAM-KD",
        config="configs/det/acam_retinanet_synthetic.py",
        teachers=dict(teacher="teacher"),
        note="a reconstruction; starts with the teacher's head.",
    ),
]
