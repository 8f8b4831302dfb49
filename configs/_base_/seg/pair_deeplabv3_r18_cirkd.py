# DeepLabV3-R101 teaches DeepLabV3-R18 on Cityscapes in CIRKD's protocol. mmseg's public weights have 77.12 mIoU, the
# nearest to its teacher's 78.07.
_base_ = "../../seg/student_deeplabv3_r18_cirkd.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_deeplabv3_r101.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/deeplabv3/deeplabv3_r101-d8_512x1024_40k_cityscapes/"
            "deeplabv3_r101-d8_512x1024_40k_cityscapes_20200605_012241-7fd3f799.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
