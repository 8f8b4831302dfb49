# DeepLabV3+ R101 (80.97 mIoU, mmseg's public weights) teaches DeepLabV3+ MobileNetV2 on Cityscapes: a pair of BPKD's
# table.
_base_ = "../../seg/student_deeplab.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_deeplab.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/"
            "deeplabv3plus/deeplabv3plus_r101-d8_512x1024_80k_cityscapes/"
            "deeplabv3plus_r101-d8_512x1024_80k_cityscapes_20200606_114143-068fcfe9.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.sep_bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
