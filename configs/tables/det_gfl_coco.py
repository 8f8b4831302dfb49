# GFL on COCO. Teachers are mmdet's public weights, fetched on first use; nothing is trained for them.
title = "GFL on COCO"
protocol = "COCO 2017 val, 1333x800, 16 images a step, 12 epochs, last checkpoint; some published figures are of 24"
split = "test"
metrics = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
seeds = [0]
baseline = "student alone"
source = (
    "LD's tables and README, FGD's README, mmrazor's metafile and CrossKD's paper (arXiv 2306.11369), as "
    "second-hand notes have them; student and teacher: mmdet's metafile"
)
rows = [
    dict(name="student alone", config="configs/det/student_gfl_r50_coco.py", paper=dict(AP=40.2)),
    dict(name="teacher R101", config="configs/det/teacher_gfl_r101_coco.py", seeds=[], paper=dict(AP=44.7)),
    dict(
        name="LD",
        config="configs/det/ld_gfl_r101_r50_coco.py",
        paper=dict(AP=42.1),
        note="the authors' README, with more regions; mmdet's metafile has 41.0 for the form that is here.",
    ),
    dict(name="CWD", config="configs/det/cwd_gfl_r101_r50_coco.py", paper=dict(AP=41.9), note="mmrazor's metafile."),
    dict(name="PKD", config="configs/det/pkd_gfl_r101_r50_coco.py"),
    dict(name="FGD", config="configs/det/fgd_gfl_r101_r50_coco.py", paper=dict(AP=43.5), note="the authors' README."),
    dict(
        name="CrossKD",
        config="configs/det/crosskd_gfl_r101_r50_coco.py",
        paper=dict(AP=43.7),
        note="from its formulas.",
    ),
    dict(name="CrossKD with PKD", paper=dict(AP=43.9)),
    dict(name="FitNet", paper=dict(AP=40.7)),
    dict(name="inside the boxes", paper=dict(AP=40.7)),
    dict(name="main region", paper=dict(AP=41.1)),
    dict(name="FGFI", paper=dict(AP=41.1)),
    dict(name="DeFeat", paper=dict(AP=40.8)),
    dict(name="GID", paper=dict(AP=41.5)),
]
