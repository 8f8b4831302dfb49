# Distillation from an Inception-ResNet (Wang and Liu). Peak is the best accuracy at a single SNR.
title = "Inception-ResNet, CNN3 and the small Inception-ResNet on RadioML 2016.10A"
protocol = (
    "ours: 60/20/20, 60 epochs, last checkpoint; the paper's layers, data set, temperature and weights could not be had"
)
split = "test"
metrics = ["accuracy", "peak"]
seeds = [0, 1, 2]
baseline = "CNN3 alone"
source = "abstract of Wang and Liu, Electronics 2022, 11(19), 3018"
rows = [
    dict(
        name="teacher",
        config="configs/amr/inception_resnet_rml2016a.py",
        seeds=[0],
        paper=dict(peak=93.09),
        note="312 MB.",
    ),
    dict(name="CNN3 alone", config="configs/amr/cnn3_rml2016a.py", paper=dict(peak=79.81), note="0.37 MB."),
    dict(
        name="CNN3, KD",
        config="configs/amr/kd_cnn3_rml2016a.py",
        teachers=dict(teacher="teacher"),
        paper=dict(peak=89.36),
    ),
    dict(
        name="mini alone",
        config="configs/amr/mini_inception_resnet_rml2016a.py",
        paper=dict(peak=84.18),
        note="39.7 MB. Both of the paper's students are far below what such networks reach elsewhere: under-trained.",
    ),
    dict(
        name="mini, KD",
        config="configs/amr/kd_mini_inception_resnet_rml2016a.py",
        teachers=dict(teacher="teacher"),
        paper=dict(peak=93.59),
    ),
]
