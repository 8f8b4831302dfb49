# DeepLabV3+ R101 (53.20 mIoU, mmseg's public weights) teaches DeepLabV3+ MobileNetV2 on Pascal Context: a pair of
# BPKD's table.
_base_ = "../../seg/student_deeplab_context.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_deeplab_context.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/"
            "deeplabv3plus/deeplabv3plus_r101-d8_480x480_80k_pascal_context_59/"
            "deeplabv3plus_r101-d8_480x480_80k_pascal_context_59_20210416_111127-7ca0331d.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.sep_bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
