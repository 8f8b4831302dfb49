# KD-Loss (Fard and Mahoor, CVIU 2022) on COFW. Errors are divided by the outer eye corners (8-9).
title = "KD-Loss on COFW, inter-ocular"
protocol = (
    "ours: square crops around the points, errors in the image, a tenth of the training faces validates, last "
    "checkpoint; "
    "the paper: see landmarks_300w"
)
split = "test"
metrics = ["nme_ocular", "fr10_ocular"]
lower_is_better = ["nme_ocular", "fr10_ocular"]
seeds = [0, 1, 2]
baseline = "student alone"
source = (
    "notes of the authors in FLD-DD/main.py: those of the student on 300W and of COFW equal the published figures, the "
    "others could not be held against any"
)
rows = [
    dict(
        name="tough teacher",
        config="configs/landmarks/tough_cofw.py",
        seeds=[0],
        paper=dict(nme_ocular=3.81, fr10_ocular=1.972),
    ),
    dict(
        name="tolerant teacher",
        config="configs/landmarks/tolerant_cofw.py",
        seeds=[0],
    ),
    dict(
        name="student alone",
        config="configs/landmarks/student_cofw.py",
        paper=dict(nme_ocular=5.04, fr10_ocular=3.74),
    ),
    dict(
        name="tough only",
        config="configs/landmarks/kd_tough_cofw.py",
        teachers=dict(tough="tough teacher"),
    ),
    dict(
        name="tolerant only",
        config="configs/landmarks/kd_tolerant_cofw.py",
        teachers=dict(tolerant="tolerant teacher"),
    ),
    dict(
        name="KD-Loss, both",
        config="configs/landmarks/kd_cofw.py",
        teachers=dict(tough="tough teacher", tolerant="tolerant teacher"),
        paper=dict(nme_ocular=4.11, fr10_ocular=2.366),
    ),
    dict(
        name="output KD",
        config="configs/landmarks/output_kd_cofw.py",
        teachers=dict(tough="tough teacher"),
    ),
    dict(
        name="feature KD",
        config="configs/landmarks/feature_kd_cofw.py",
        teachers=dict(tough="tough teacher"),
    ),
    dict(
        name="MobileFAN teacher",
        config="configs/landmarks/heatmap_teacher_cofw.py",
        seeds=[0],
    ),
    dict(
        name="MobileFAN student alone",
        config="configs/landmarks/heatmap_student_cofw.py",
    ),
    dict(
        name="MobileFAN",
        config="configs/landmarks/mobilefan_cofw.py",
        teachers=dict(teacher="MobileFAN teacher"),
    ),
    # Peers, inter-ocular, with their own crops and detectors.
    dict(name="PIPNet, ResNet-18", config=None, seeds=[], paper=dict(nme_ocular=3.31), note="its authors; 256 pixels."),
    dict(name="PIPNet, ResNet-101", config=None, seeds=[], paper=dict(nme_ocular=3.08), note="its authors; 256 px."),
    dict(
        name="HRNetV2-W18",
        config=None,
        seeds=[],
        paper=dict(nme_ocular=3.45, fr10_ocular=0.20),
        note="its authors; 256 pixels.",
    ),
    dict(name="SLPT", config=None, seeds=[], paper=dict(nme_ocular=3.32), note="its authors; 4.79 by the pupils."),
    dict(name="STAR", config=None, seeds=[], paper=dict(nme_ocular=3.21), note="its authors; 4.62 by the pupils."),
]
