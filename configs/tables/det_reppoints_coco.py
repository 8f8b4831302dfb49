# RepPoints on COCO. Teachers are mmdet's public weights, fetched on first use; nothing is trained for them.
title = "RepPoints on COCO"
protocol = (
    "COCO 2017 val, 1333x800, 16 images a step, 24 epochs, last checkpoint; X101 is 32x4d with deformable convolutions"
)
split = "test"
metrics = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
seeds = [0]
baseline = "student alone"
source = (
    "ACAM-KD and the rows marked with it: notes on the paper (arXiv 2503.06307), whose text was not at "
    "hand; others: the papers, or the READMEs of their authors' repositories, as second-hand notes have "
    "them; students and teachers: mmdet's metafiles"
)
rows = [
    dict(name="student alone", config="configs/det/student_reppoints_r50_coco.py", paper=dict(AP=38.6)),
    dict(name="teacher R101", config="configs/det/teacher_reppoints_r101_coco.py", seeds=[], paper=dict(AP=40.5)),
    dict(name="teacher X101", config="configs/det/teacher_reppoints_x101_coco.py", seeds=[], paper=dict(AP=44.2)),
    dict(name="ACAM-KD, R101", config="configs/det/acam_reppoints_r101_r50_coco.py", paper=dict(AP=42.5)),
    dict(
        name="FGD, R101",
        config="configs/det/fgd_reppoints_r101_r50_coco.py",
        paper=dict(AP=41.0),
        note="as the notes on ACAM-KD quote it.",
    ),
    dict(name="MGD, R101", config="configs/det/mgd_reppoints_r101_r50_coco.py"),
    dict(name="CWD, R101", config="configs/det/cwd_reppoints_r101_r50_coco.py"),
    dict(name="PKD, R101", config="configs/det/pkd_reppoints_r101_r50_coco.py"),
    dict(name="FitNet, R101", config="configs/det/fitnet_reppoints_r101_r50_coco.py"),
    dict(
        name="MasKD, R101",
        config="configs/det/maskd_reppoints_r101_r50_coco.py",
        paper=dict(AP=41.1),
        note="as the notes on ACAM-KD quote it.",
    ),
    dict(name="ACAM-KD, X101", config="configs/det/acam_reppoints_x101_r50_coco.py", paper=dict(AP=42.8)),
    dict(name="FGD, X101", config="configs/det/fgd_reppoints_x101_r50_coco.py", paper=dict(AP=42.0)),
    dict(name="MGD, X101", config="configs/det/mgd_reppoints_x101_r50_coco.py", paper=dict(AP=42.3)),
    dict(name="CWD, X101", config="configs/det/cwd_reppoints_x101_r50_coco.py"),
    dict(name="PKD, X101", config="configs/det/pkd_reppoints_x101_r50_coco.py", paper=dict(AP=42.3)),
    dict(name="FitNet, X101", config="configs/det/fitnet_reppoints_x101_r50_coco.py"),
    dict(name="MasKD, X101", config="configs/det/maskd_reppoints_x101_r50_coco.py", paper=dict(AP=42.5)),
    dict(name="FreeKD, X101", paper=dict(AP=42.4)),
    dict(name="AvatarKD, X101", paper=dict(AP=42.8)),
]
