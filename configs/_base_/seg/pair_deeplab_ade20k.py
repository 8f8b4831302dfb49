# DeepLabV3+ R101 (45.47 mIoU, mmseg's public weights) teaches DeepLabV3+ MobileNetV2 on ADE20K: a pair of BPKD's table.
_base_ = "../../seg/student_deeplab_ade20k.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_deeplab_ade20k.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/"
            "deeplabv3plus/deeplabv3plus_r101-d8_512x512_160k_ade20k/"
            "deeplabv3plus_r101-d8_512x512_160k_ade20k_20200615_123232-38ed86bb.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.sep_bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
