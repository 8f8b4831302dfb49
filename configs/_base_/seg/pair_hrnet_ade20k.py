# HRNetV2-W48 (42.02 mIoU, mmseg's public weights) teaches HRNetV2-W18 small on ADE20K: a pair of BPKD's table.
_base_ = "../../seg/student_hrnet_ade20k.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_hrnet_ade20k.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/hrnet/fcn_hr48_512x512_160k_ade20k/"
            "fcn_hr48_512x512_160k_ade20k_20200614_214407-a52fc02c.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.convs"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
