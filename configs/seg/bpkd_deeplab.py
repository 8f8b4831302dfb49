# BPKD (Liu et al., WACV 2024, arXiv 2306.08075) on Cityscapes: DeepLabV3+ R101 -> DeepLabV3+ MobileNetV2,
# 512x1024, batch 8, 80k iterations. The paper's row: teacher 80.98, student 75.29, CWD 77.97, BPKD 78.59 mIoU.
# The authors released no training code: the loss is rebuilt from their figure 3 and three independent
# re-implementations that agree (SOURCES.md).
_base_ = "./student_deeplab.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplab.py",
            # mmseg's public weights, fetched on first use and checked against the hash in the name; or a path
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/deeplabv3plus/"
            "deeplabv3plus_r101-d8_512x1024_80k_cityscapes/"
            "deeplabv3plus_r101-d8_512x1024_80k_cityscapes_20200606_114143-068fcfe9.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg"),  # before upsampling
    losses=dict(
        bpkd=dict(
            type="BPKDLoss",
            student="logits",
            teacher="logits",
            target="gt_sem_seg",
            body_weight=20.0,  # lambda_B and lambda_E as four re-implementations have them
            edge_weight=50.0,
            alpha=2.0,  # second hand, as is the width
            temperature=1.0,
            width=7,
        )
    ),
    example=dict(type="SegExample", size=(128, 128)),
)
