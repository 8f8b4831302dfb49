# What `make demo` runs on generated faces.
title = "Generated faces, inter-ocular"
protocol = "MobileNetV2 (two teachers) -> MobileNetV2 of a third of its width, 64 pixels, minutes on two cores"
split = "test"
metrics = ["nme_ocular", "fr8_ocular", "auc8_ocular"]
lower_is_better = ["nme_ocular", "fr8_ocular"]
seeds = [0]
baseline = "student alone"
rows = [
    dict(name="tough teacher", config="configs/landmarks/tough_synthetic.py"),
    dict(name="tolerant teacher", config="configs/landmarks/tolerant_synthetic.py"),
    dict(name="student alone", config="configs/landmarks/student_synthetic.py"),
    dict(
        name="KD-Loss",
        config="configs/landmarks/kd_synthetic.py",
        teachers=dict(tough="tough teacher", tolerant="tolerant teacher"),
    ),
]
