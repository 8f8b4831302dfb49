# KD-Loss and output distillation on real faces, sized for two cores. No published figure belongs beside it.
title = "Landmarks on faces68 at 64 pixels, inter-ocular"
protocol = (
    "2,763 training faces of other people than the 611 test faces, crops of 64 pixels, 8 fixed views of each; "
    "EfficientNet-Lite0 from ImageNet weights, which sees them at 112 pixels, 10 epochs -> MobileNetV2 of half its "
    "width from random weights, 30 epochs; batches of 64, Adam, cosine; last checkpoint; errors in the image, "
    "divided by the distance of the outer eye corners (36-45)"
)
split = "test"
metrics = ["nme_ocular", "fr8_ocular", "fr10_ocular", "auc8_ocular", "auc10_ocular"]
lower_is_better = ["nme_ocular", "fr8_ocular", "fr10_ocular"]
seeds = [0, 1, 2]
baseline = "student alone"

rows = [
    dict(
        name="tough teacher",
        config="configs/landmarks/tough_faces68_small.py",
        seeds=[0],
        note="one seed, which serves every arm.",
    ),
    dict(
        name="tolerant teacher",
        config="configs/landmarks/tolerant_faces68_small.py",
        seeds=[0],
        note="one seed, which serves every arm.",
    ),
    dict(
        name="student alone",
        config="configs/landmarks/student_faces68_small.py",
    ),
    dict(
        name="tough only",
        config="configs/landmarks/kd_tough_faces68_small.py",
        teachers=dict(tough="tough teacher"),
    ),
    dict(
        name="tolerant only",
        config="configs/landmarks/kd_tolerant_faces68_small.py",
        teachers=dict(tolerant="tolerant teacher"),
    ),
    dict(
        name="KD-Loss, both",
        config="configs/landmarks/kd_faces68_small.py",
        teachers=dict(tough="tough teacher", tolerant="tolerant teacher"),
    ),
    dict(
        name="output KD",
        config="configs/landmarks/output_kd_faces68_small.py",
        teachers=dict(tough="tough teacher"),
    ),
]
