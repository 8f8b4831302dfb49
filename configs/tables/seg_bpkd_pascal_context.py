# BPKD's Pascal Context table: four pairs of networks, from the README of the authors' repository. Teachers are mmseg's
# public weights, fetched on first use, but for ISANet's. The learning rate and the weight decay are those of the
# authors' evaluation configs and of mmseg for this set. For the cost of the networks and the methods compared with see
# seg_bpkd_cityscapes.py.
title = "BPKD on Pascal Context val, 59 classes"
protocol = "480x480, batch 16, SGD 0.004, 80k iterations, last checkpoint, single scale"
split = "val"
metrics = ["mIoU", "mAcc", "boundary_F", "trimap_IoU_3"]
seeds = [0, 1, 2]
baseline = "PSPNet R18 alone"
source = "README of AkideLiu/BPKD (arXiv 2306.08075, WACV 2024)"
rows = [
    dict(
        name="teacher PSPNet R101",
        config="configs/seg/teacher_pspnet_context.py",
        seeds=[],
        paper=dict(mIoU=52.47, mAcc=63.15),
        note="mmseg's public weights teach.",
    ),
    dict(
        name="PSPNet R18 alone",
        config="configs/seg/student_pspnet_context.py",
        paper=dict(mIoU=43.79, mAcc=54.46),
        note="scored with a sliding window of 480x480, as the authors do.",
    ),
    dict(name="SKDS, PSPNet R18", config="configs/seg/skds_pspnet_context.py", paper=dict(mIoU=45.08, mAcc=55.56)),
    dict(name="IFVD, PSPNet R18", config="configs/seg/ifvd_pspnet_context.py", paper=dict(mIoU=45.97, mAcc=56.60)),
    dict(name="CIRKD, PSPNet R18", config="configs/seg/cirkd_pspnet_context.py", paper=dict(mIoU=45.62, mAcc=56.15)),
    dict(name="CWD, PSPNet R18", config="configs/seg/cwd_pspnet_context.py", paper=dict(mIoU=45.99, mAcc=55.56)),
    dict(name="BPKD, PSPNet R18", config="configs/seg/bpkd_pspnet_context.py", paper=dict(mIoU=46.82, mAcc=56.29)),
    dict(
        name="teacher HRNetV2-W48",
        config="configs/seg/teacher_hrnet_context.py",
        seeds=[],
        paper=dict(mIoU=51.12, mAcc=61.39),
        note="mmseg's public weights teach.",
    ),
    dict(
        name="HRNetV2-W18 small alone",
        config="configs/seg/student_hrnet_context.py",
        paper=dict(mIoU=40.62, mAcc=51.43),
        note=(
            "scored with a sliding window of 512x512, as the authors do; the README links no weights for this figure."
        ),
    ),
    dict(
        name="SKDS, HRNetV2-W18 small",
        config="configs/seg/skds_hrnet_context.py",
        paper=dict(mIoU=41.54, mAcc=52.18),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="IFVD, HRNetV2-W18 small",
        config="configs/seg/ifvd_hrnet_context.py",
        paper=dict(mIoU=41.55, mAcc=52.24),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="CIRKD, HRNetV2-W18 small",
        config="configs/seg/cirkd_hrnet_context.py",
        paper=dict(mIoU=42.02, mAcc=52.88),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="CWD, HRNetV2-W18 small",
        config="configs/seg/cwd_hrnet_context.py",
        paper=dict(mIoU=42.89, mAcc=53.37),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="BPKD, HRNetV2-W18 small",
        config="configs/seg/bpkd_hrnet_context.py",
        paper=dict(mIoU=43.96, mAcc=54.51),
        baseline="HRNetV2-W18 small alone",
    ),
    dict(
        name="teacher DeepLabV3+ R101",
        config="configs/seg/teacher_deeplab_context.py",
        seeds=[],
        paper=dict(mIoU=53.20, mAcc=64.04),
        note="mmseg's public weights teach.",
    ),
    dict(
        name="DeepLabV3+ MobileNetV2 alone",
        config="configs/seg/student_deeplab_context.py",
        paper=dict(mIoU=41.01, mAcc=52.92),
        note="the head is not narrowed on this set.",
    ),
    dict(
        name="SKDS, DeepLabV3+ MobileNetV2",
        config="configs/seg/skds_deeplab_context.py",
        paper=dict(mIoU=42.07, mAcc=55.06),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="IFVD, DeepLabV3+ MobileNetV2",
        config="configs/seg/ifvd_deeplab_context.py",
        paper=dict(mIoU=41.73, mAcc=54.34),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="CIRKD, DeepLabV3+ MobileNetV2",
        config="configs/seg/cirkd_deeplab_context.py",
        paper=dict(mIoU=42.25, mAcc=55.12),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="CWD, DeepLabV3+ MobileNetV2",
        config="configs/seg/cwd_deeplab_context.py",
        paper=dict(mIoU=43.74, mAcc=56.37),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="BPKD, DeepLabV3+ MobileNetV2",
        config="configs/seg/bpkd_deeplab_context.py",
        paper=dict(mIoU=46.23, mAcc=58.12),
        baseline="DeepLabV3+ MobileNetV2 alone",
    ),
    dict(
        name="teacher ISANet R101",
        config="configs/seg/teacher_isanet_context.py",
        seeds=[0],
        paper=dict(mIoU=53.41, mAcc=64.04),
        note="mmseg has no weights of it, so that it is trained first; the README links the authors'.",
    ),
    dict(
        name="ISANet R18 alone",
        config="configs/seg/student_isanet_context.py",
        paper=dict(mIoU=44.05, mAcc=54.67),
        note="the authors' config of it names a schedule of 40k iterations, its weights 80k.",
    ),
    dict(
        name="SKDS, ISANet R18",
        config="configs/seg/skds_isanet_context.py",
        teachers=dict(teacher="teacher ISANet R101"),
        paper=dict(mIoU=45.69, mAcc=56.27),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="IFVD, ISANet R18",
        config="configs/seg/ifvd_isanet_context.py",
        teachers=dict(teacher="teacher ISANet R101"),
        paper=dict(mIoU=46.75, mAcc=56.40),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="CIRKD, ISANet R18",
        config="configs/seg/cirkd_isanet_context.py",
        teachers=dict(teacher="teacher ISANet R101"),
        paper=dict(mIoU=45.83, mAcc=56.11),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="CWD, ISANet R18",
        config="configs/seg/cwd_isanet_context.py",
        teachers=dict(teacher="teacher ISANet R101"),
        paper=dict(mIoU=46.76, mAcc=56.48),
        baseline="ISANet R18 alone",
    ),
    dict(
        name="BPKD, ISANet R18",
        config="configs/seg/bpkd_isanet_context.py",
        teachers=dict(teacher="teacher ISANet R101"),
        paper=dict(mIoU=47.25, mAcc=56.81),
        baseline="ISANet R18 alone",
    ),
]
