# HRNetV2-W48 (80.65 mIoU, mmseg's public weights) teaches HRNetV2-W18 small on Cityscapes: a pair of BPKD's table.
_base_ = "../../seg/student_hrnet_cityscapes.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_hrnet_cityscapes.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/hrnet/fcn_hr48_512x1024_160k_cityscapes/"
            "fcn_hr48_512x1024_160k_cityscapes_20200602_190946-59b7973e.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.convs"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
