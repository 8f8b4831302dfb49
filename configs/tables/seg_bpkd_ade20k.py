# BPKD's ADE20K table: four pairs of networks, from the README of the authors' repository. Teachers are mmseg's public
# weights of twice the students' iterations, fetched on first use; nothing is trained for them. For the cost of the
# networks and the methods compared with see seg_bpkd_cityscapes.py.
title = "BPKD on ADE20K val"
protocol = "512x512, batch 16, SGD 0.01, 80k iterations, last checkpoint, single scale"
split = "val"
metrics = ["mIoU", "mAcc", "boundary_F", "trimap_IoU_3"]
seeds = [0, 1, 2]
baseline = "PSPNet R18 alone"
source = "README of AkideLiu/BPKD (arXiv 2306.08075, WACV 2024)"
rows = [
    dict(
        name="teacher PSPNet R101",
        config="configs/seg/teacher_pspnet_ade20k.py",
        seeds=[],
        paper=dict(mIoU=44.39, mAcc=54.75),
        note="mmseg's public weights of 160k iterations teach.",
    ),
    dict(name="PSPNet R18 alone", config="configs/seg/student_pspnet_ade20k.py", paper=dict(mIoU=33.30, mAcc=42.58)),
    dict(name="SKDS, PSPNet R18", config="configs/seg/skds_pspnet_ade20k.py", paper=dict(mIoU=34.49, mAcc=44.28)),
    dict(name="IFVD, PSPNet R18", config="configs/seg/ifvd_pspnet_ade20k.py", paper=dict(mIoU=34.54, mAcc=44.26)),
    dict(name="CIRKD, PSPNet R18", config="configs/seg/cirkd_pspnet_ade20k.py", paper=dict(mIoU=35.07, mAcc=45.38)),
    dict(name="CWD, PSPNet R18", config="configs/seg/cwd_pspnet_ade20k.py", paper=dict(mIoU=37.02, mAcc=46.33)),
    dict(name="BPKD, PSPNet R18", config="configs/seg/bpkd_pspnet_ade20k.py", paper=dict(mIoU=38.51, mAcc=47.70)),
    dict(
        name="teacher HRNetV2-W48",
        config="configs/seg/teacher_hrnet_ade20k.py",
        seeds=[],
        paper=dict(mIoU=42.02, mAcc=53.52),
        note="mmseg's public weights of 160k iterations teach.",
    ),
    dict(
        name="HRNetV2-W18 small alone",
        config="configs/seg/student_hrnet_ade20k.py",
        paper=dict(mIoU=31.38, mAcc=41.39),
        note="also what mmseg's metafile has.",
    ),
    dict(
        name="SKDS, HRNetV2-W18 small",
        config="configs/seg/skds_hrnet_ade20k.py",
        paper=dict(mIoU=32.57, mAcc=43.22),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="IFVD, HRNetV2-W18 small",
        config="configs/seg/ifvd_hrnet_ade20k.py",
        paper=dict(mIoU=32.66, mAcc=43.23),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="CIRKD, HRNetV2-W18 small",
        config="configs/seg/cirkd_hrnet_ade20k.py",
        paper=dict(mIoU=33.06, mAcc=44.30),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="CWD, HRNetV2-W18 small",
        config="configs/seg/cwd_hrnet_ade20k.py",
        paper=dict(mIoU=34.00, mAcc=42.76),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="BPKD, HRNetV2-W18 small",
        config="configs/seg/bpkd_hrnet_ade20k.py",
        paper=dict(mIoU=35.31, mAcc=46.11),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="teacher DeepLabV3+ R101",
        config="configs/seg/teacher_deeplab_ade20k.py",
        seeds=[],
        paper=dict(mIoU=45.47, mAcc=56.41),
        note="mmseg's public weights of 160k iterations teach.",
    ),
    dict(
        name="DeepLabV3+ MobileNetV2 alone",
        config="configs/seg/student_deeplab_ade20k.py",
        paper=dict(mIoU=31.56, mAcc=45.14),
        note="the head is not narrowed on this set; mmseg's weights of 160k iterations have 34.02.",
    ),
    dict(
        name="SKDS, DeepLabV3+ MobileNetV2",
        config="configs/seg/skds_deeplab_ade20k.py",
        paper=dict(mIoU=32.49, mAcc=46.47),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="IFVD, DeepLabV3+ MobileNetV2",
        config="configs/seg/ifvd_deeplab_ade20k.py",
        paper=dict(mIoU=32.11, mAcc=46.07),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="CIRKD, DeepLabV3+ MobileNetV2",
        config="configs/seg/cirkd_deeplab_ade20k.py",
        paper=dict(mIoU=32.24, mAcc=46.09),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="CWD, DeepLabV3+ MobileNetV2",
        config="configs/seg/cwd_deeplab_ade20k.py",
        paper=dict(mIoU=35.12, mAcc=49.76),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="BPKD, DeepLabV3+ MobileNetV2",
        config="configs/seg/bpkd_deeplab_ade20k.py",
        paper=dict(mIoU=35.49, mAcc=53.84),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="teacher ISANet R101",
        config="configs/seg/teacher_isanet_ade20k.py",
        seeds=[],
        paper=dict(mIoU=43.80, mAcc=54.39),
        note="mmseg's public weights of 160k iterations teach.",
    ),
    dict(name="ISANet R18 alone", config="configs/seg/student_isanet_ade20k.py", paper=dict(mIoU=31.15, mAcc=41.21)),
    dict(
        name="SKDS, ISANet R18",
        config="configs/seg/skds_isanet_ade20k.py",
        paper=dict(mIoU=32.16, mAcc=41.80),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="IFVD, ISANet R18",
        config="configs/seg/ifvd_isanet_ade20k.py",
        paper=dict(mIoU=32.78, mAcc=42.61),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="CIRKD, ISANet R18",
        config="configs/seg/cirkd_isanet_ade20k.py",
        paper=dict(mIoU=32.82, mAcc=42.71),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="CWD, ISANet R18",
        config="configs/seg/cwd_isanet_ade20k.py",
        paper=dict(mIoU=37.56, mAcc=45.79),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="BPKD, ISANet R18",
        config="configs/seg/bpkd_isanet_ade20k.py",
        paper=dict(mIoU=38.73, mAcc=47.92),
        baseline="ISANet R18 alone",
    ),
]
