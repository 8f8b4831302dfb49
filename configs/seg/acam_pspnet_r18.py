# ACAM-KD (Lan and Tian, ICCV 2025) on Cityscapes: DeepLabV3-R101 -> PSPNet-R18, batch 16, 40k steps.
# Published: 72.55 -> 75.99 mIoU. A reconstruction from notes on the paper, see `common.losses.ACAMLoss`.
_base_ = "./student_pspnet_r18.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/teacher_deeplabv3_r101.py",
            # mmseg's public weights, the nearest to the paper's teacher (77.12 of 78.07 mIoU); or a path
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/deeplabv3/deeplabv3_r101-d8_512x1024_40k_cityscapes/"
            "deeplabv3_r101-d8_512x1024_40k_cityscapes_20200605_012241-7fd3f799.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg"),  # before upsampling
    losses=dict(
        acam=dict(
            type="ACAMLoss",
            student="logits",
            teacher="logits",
            num_masks=19,  # the paper's: one a class
            alpha=1.0,
            diversity_weight=1.0,
        )
    ),
    example=dict(type="SegExample", size=(128, 128)),
)
