# Networks and SKD on RadioML 2016.10A. ClST's own figures could not be had; those beside the rows are the peers'.
title = "RadioML 2016.10A"
protocol = "60/20/20 of each modulation at each SNR, 60 epochs of batch 400, last checkpoint; mean over -20..18 dB"
split = "test"
metrics = ["accuracy", "peak", "accuracy_below_0dB", "accuracy_from_0dB"]
seeds = [0, 1, 2]
baseline = "KD-CNN alone"
source = (
    "MCLDNN's accuracy and both figures of PET-CGDNN: the PET-CGDNN paper; MCLDNN's peak (at 12 dB): its own paper; "
    "rows without a config: the READMEs of IQFormer's, AMC-Net's and ULCNN's repositories, and MLD-Net (Sensors 2025)"
)
rows = [
    dict(name="ClST-style S", config="configs/amr/clst_s_rml2016a.py", note="a reconstruction; the teacher of SKD."),
    dict(name="MCLDNN", config="configs/amr/mcldnn_rml2016a.py", paper=dict(accuracy=62.08, peak=92.95)),
    dict(
        name="ResNet",
        config="configs/amr/resnet_rml2016a.py",
        paper=dict(accuracy=57.0, peak=83.0),
        note="figures read from AMR-Benchmark's plots, second-hand.",
    ),
    dict(name="PET-CGDNN", config="configs/amr/petcgdnn_rml2016a.py", paper=dict(accuracy=60.44, peak=91.36)),
    dict(name="VT-CNN2", config="configs/amr/vtcnn2_rml2016a.py", note="others measure a peak of 78 to 83."),
    dict(name="RML22-CNN", config="configs/amr/rml22cnn_rml2016a.py"),
    dict(name="KD-CNN alone", config="configs/amr/kdcnn_rml2016a.py"),
    dict(name="KD-CNN, SKD", config="configs/amr/skd_kdcnn_rml2016a.py", teachers=dict(teacher="ClST-style S")),
    dict(name="KD-MobileNet alone", config="configs/amr/kdmobilenet_rml2016a.py"),
    dict(
        name="KD-MobileNet, SKD",
        config="configs/amr/skd_kdmobilenet_rml2016a.py",
        teachers=dict(teacher="ClST-style S"),
    ),
    dict(name="IQFormer", paper=dict(accuracy=64.19, peak=93.91)),
    dict(name="AMC-Net", paper=dict(accuracy=62.40, peak=92.82), note="others reproduce 59.79."),
    dict(name="ULCNN", paper=dict(accuracy=62.42, peak=91.19), note="with fourfold rotation in training."),
    dict(name="MLD-Net student", paper=dict(accuracy=61.14), note="distilled from a transformer."),
]
