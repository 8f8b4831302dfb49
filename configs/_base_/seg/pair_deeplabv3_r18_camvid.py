# DeepLabV3-R101, which is trained first, teaches DeepLabV3-R18 on CamVid in CIRKD's protocol.
_base_ = "../../seg/student_deeplabv3_r18_camvid.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_deeplabv3_r101_camvid.py",
            checkpoint="work_dirs/teacher_deeplabv3_r101_camvid/iter_40000.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.bottleneck"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
