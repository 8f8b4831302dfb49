# HRNetV2-W48 (51.12 mIoU, mmseg's public weights) teaches HRNetV2-W18 small on Pascal Context: a pair of BPKD's table.
_base_ = "../../seg/student_hrnet_context.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_hrnet_context.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/hrnet/fcn_hr48_480x480_80k_pascal_context_59/"
            "fcn_hr48_480x480_80k_pascal_context_59_20210411_003240-3ae7081e.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.convs"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
