# CIRKD's CamVid tables, with Af-DCD's rows. SKD, IFVD and CWD are CIRKD's own runs of them. The README says val, but
# the code that scores reads the list of test.
title = "CIRKD's protocol on CamVid test"
protocol = "360x360, batch 16, SGD 0.02, 40k iterations, last checkpoint, whole frames of 480x360"
split = "test"
metrics = ["mIoU", "boundary_F", "boundary_IoU", "trimap_IoU_3", "trimap_IoU_10"]
seeds = [0, 1, 2]
baseline = "DeepLabV3-R18 alone"
source = "README of winycg/CIRKD (CVPR 2022) for teacher, students and CIRKD; the others as Af-DCD's table has them"
rows = [
    dict(
        name="teacher DeepLabV3-R101",
        config="configs/seg/teacher_deeplabv3_r101_camvid.py",
        seeds=[0],
        paper=dict(mIoU=69.84),
        note="one teacher serves every row.",
    ),
    dict(name="DeepLabV3-R18 alone", config="configs/seg/student_deeplabv3_r18_camvid.py", paper=dict(mIoU=66.92)),
    dict(
        name="SKD, DeepLabV3-R18",
        config="configs/seg/skd_deeplabv3_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.46),
    ),
    dict(
        name="IFVD, DeepLabV3-R18",
        config="configs/seg/ifvd_deeplabv3_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.28),
    ),
    dict(
        name="CWD, DeepLabV3-R18",
        config="configs/seg/cwd_deeplabv3_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.71),
    ),
    dict(
        name="CIRKD, DeepLabV3-R18",
        config="configs/seg/cirkd_deeplabv3_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=68.21),
    ),
    dict(name="Af-DCD, DeepLabV3-R18", paper=dict(mIoU=69.27), note="this suite has no such loss."),
    dict(name="PSPNet-R18 alone", config="configs/seg/student_pspnet_r18_camvid.py", paper=dict(mIoU=66.73)),
    dict(
        name="SKD, PSPNet-R18",
        config="configs/seg/skd_pspnet_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.83),
        baseline="PSPNet-R18 alone",
    ),
    dict(
        name="IFVD, PSPNet-R18",
        config="configs/seg/ifvd_pspnet_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.61),
        baseline="PSPNet-R18 alone",
    ),
    dict(
        name="CWD, PSPNet-R18",
        config="configs/seg/cwd_pspnet_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=67.92),
        baseline="PSPNet-R18 alone",
    ),
    dict(
        name="CIRKD, PSPNet-R18",
        config="configs/seg/cirkd_pspnet_r18_camvid.py",
        teachers=dict(teacher="teacher DeepLabV3-R101"),
        paper=dict(mIoU=68.65),
        baseline="PSPNet-R18 alone",
    ),
    dict(
        name="Af-DCD, PSPNet-R18",
        paper=dict(mIoU=69.48),
        note="this suite has no such loss.",
        baseline="PSPNet-R18 alone",
    ),
]
