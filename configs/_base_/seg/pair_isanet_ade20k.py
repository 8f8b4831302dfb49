# ISANet R101 (43.80 mIoU, mmseg's public weights) teaches ISANet R18 on ADE20K: a pair of BPKD's table.
_base_ = "../../seg/student_isanet_ade20k.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_isanet_ade20k.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/isanet/isanet_r101-d8_512x512_160k_ade20k/"
            "isanet_r101-d8_512x512_160k_ade20k_20210903_211431-a7879dcd.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.out_conv"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
