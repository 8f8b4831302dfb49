# PSPNet R101 (52.47 mIoU, mmseg's public weights) teaches PSPNet R18 on Pascal Context: a pair of BPKD's table.
_base_ = "../../seg/student_pspnet_context.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_pspnet_context.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/"
            "pspnet/pspnet_r101-d8_480x480_80k_pascal_context_59/"
            "pspnet_r101-d8_480x480_80k_pascal_context_59_20210416_114418-fa6caaa2.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
