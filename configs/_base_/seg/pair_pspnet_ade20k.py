# PSPNet R101 (44.39 mIoU, mmseg's public weights) teaches PSPNet R18 on ADE20K: a pair of BPKD's table.
_base_ = "../../seg/student_pspnet_ade20k.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_pspnet_ade20k.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/pspnet/pspnet_r101-d8_512x512_160k_ade20k/"
            "pspnet_r101-d8_512x512_160k_ade20k_20200615_100650-967c316f.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
