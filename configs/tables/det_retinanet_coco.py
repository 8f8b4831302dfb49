# RetinaNet on COCO. Teachers are mmdet's public weights, fetched on first use; nothing is trained for them.
title = "RetinaNet on COCO"
protocol = "COCO 2017 val, 1333x800, 16 images a step, 24 epochs, last checkpoint; X101 is 64x4d"
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
    dict(name="student alone", config="configs/det/student_retinanet_r50_coco.py", paper=dict(AP=37.4)),
    dict(name="teacher R101", config="configs/det/teacher_retinanet_r101_coco.py", seeds=[], paper=dict(AP=38.9)),
    dict(name="teacher X101", config="configs/det/teacher_retinanet_x101_coco.py", seeds=[], paper=dict(AP=41.0)),
    dict(
        name="ACAM-KD, R101",
        config="configs/det/acam_retinanet_r101_r50_coco.py",
        paper=dict(AP=41.2, AP_small=24.6, AP_medium=45.5, AP_large=54.1),
    ),
    dict(
        name="FGD, R101",
        config="configs/det/fgd_retinanet_r101_r50_coco.py",
        paper=dict(AP=39.6),
        note="as the notes on ACAM-KD quote it.",
    ),
    dict(name="MGD, R101", config="configs/det/mgd_retinanet_r101_r50_coco.py"),
    dict(name="CWD, R101", config="configs/det/cwd_retinanet_r101_r50_coco.py"),
    dict(name="PKD, R101", config="configs/det/pkd_retinanet_r101_r50_coco.py"),
    dict(name="FitNet, R101", config="configs/det/fitnet_retinanet_r101_r50_coco.py"),
    dict(
        name="MasKD, R101",
        config="configs/det/maskd_retinanet_r101_r50_coco.py",
        paper=dict(AP=39.9),
        note="the authors' README; the notes on ACAM-KD quote 39.8.",
    ),
    dict(name="DIST, R101", config="configs/det/dist_retinanet_r101_r50_coco.py", note="this pair is not the paper's."),
    dict(name="ACAM-KD, R101, spatial masks alone", paper=dict(AP=40.9, AP_small=25.4, AP_medium=44.3, AP_large=52.3)),
    dict(name="ACAM-KD, R101, channel masks alone", paper=dict(AP=40.4, AP_small=24.5, AP_medium=44.1, AP_large=52.3)),
    dict(name="ACAM-KD, R101, query of the student", paper=dict(AP=41.0)),
    dict(name="FreeKD, R101", paper=dict(AP=39.9)),
    dict(name="CrossKD, R101", paper=dict(AP=39.7)),
    dict(name="CrossKD with PKD, R101", paper=dict(AP=39.8)),
    dict(name="AvatarKD, R101", paper=dict(AP=40.3)),
    dict(name="ACAM-KD, X101", config="configs/det/acam_retinanet_x101_r50_coco.py", paper=dict(AP=41.5)),
    dict(name="FGD, X101", config="configs/det/fgd_retinanet_x101_r50_coco.py", paper=dict(AP=40.7)),
    dict(name="MGD, X101", config="configs/det/mgd_retinanet_x101_r50_coco.py", paper=dict(AP=41.0)),
    dict(name="CWD, X101", config="configs/det/cwd_retinanet_x101_r50_coco.py"),
    dict(name="PKD, X101", config="configs/det/pkd_retinanet_x101_r50_coco.py", paper=dict(AP=40.8)),
    dict(name="FitNet, X101", config="configs/det/fitnet_retinanet_x101_r50_coco.py"),
    dict(name="MasKD, X101", config="configs/det/maskd_retinanet_x101_r50_coco.py", paper=dict(AP=41.0)),
    dict(name="FreeKD, X101", paper=dict(AP=41.0)),
    dict(name="AvatarKD, X101", paper=dict(AP=41.5)),
    dict(name="R18 alone", config="configs/det/student_retinanet_r18_coco.py", paper=dict(AP=31.7), note="12 epochs."),
    dict(
        name="ACAM-KD, R101 to R18",
        config="configs/det/acam_retinanet_r101_r18_coco.py",
        note="ours, 12 epochs.",
        baseline="R18 alone",
    ),
    dict(name="MobileNetV2 alone", config="configs/det/student_retinanet_mbv2_coco.py", note="ours."),
    dict(
        name="ACAM-KD, R101 to MobileNetV2",
        config="configs/det/acam_retinanet_r101_mbv2_coco.py",
        note="ours.",
        baseline="MobileNetV2 alone",
    ),
]
