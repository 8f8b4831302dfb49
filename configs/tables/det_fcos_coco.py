# FCOS on COCO. Teachers are mmdet's public weights, fetched on first use; nothing is trained for them.
title = "FCOS on COCO"
protocol = "COCO 2017 val, 1333x640 and 800, 16 images a step, 24 epochs, last checkpoint"
split = "test"
metrics = ["AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"]
seeds = [0]
baseline = "student alone"
source = (
    "the papers, or the READMEs of their authors' repositories, as second-hand notes have them; student "
    "and teacher: mmdet's metafile"
)
rows = [
    dict(name="student alone", config="configs/det/student_fcos_r50_coco.py", paper=dict(AP=38.5)),
    dict(name="teacher R101", config="configs/det/teacher_fcos_r101_coco.py", seeds=[], paper=dict(AP=40.8)),
    dict(name="FGD", config="configs/det/fgd_fcos_r101_r50_coco.py", paper=dict(AP=42.7)),
    dict(name="MasKD", config="configs/det/maskd_fcos_r101_r50_coco.py", paper=dict(AP=42.9)),
    dict(name="CWD", config="configs/det/cwd_fcos_r101_r50_coco.py"),
    dict(name="PKD", config="configs/det/pkd_fcos_r101_r50_coco.py"),
    dict(name="FreeKD", paper=dict(AP=42.9)),
    dict(name="AvatarKD", paper=dict(AP=42.9)),
    dict(name="CrossKD", paper=dict(AP=41.1)),
    dict(name="CrossKD with PKD", paper=dict(AP=41.3)),
]
