# PSPNet R101 (79.76 mIoU, mmseg's public weights) teaches PSPNet R18 on Cityscapes: a pair of BPKD's table.
_base_ = "../../seg/student_pspnet_cityscapes.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_pspnet_cityscapes.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/pspnet/pspnet_r101-d8_512x1024_80k_cityscapes/"
            "pspnet_r101-d8_512x1024_80k_cityscapes_20200606_112211-e1e1100f.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
