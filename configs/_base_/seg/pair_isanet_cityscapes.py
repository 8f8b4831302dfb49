# ISANet R101 (80.61 mIoU, mmseg's public weights) teaches ISANet R18 on Cityscapes: a pair of BPKD's table.
_base_ = "../../seg/student_isanet_cityscapes.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_isanet_cityscapes.py",
            checkpoint="https://mmassets.onedl.ai/mmsegmentation/v0.5/isanet/isanet_r101-d8_769x769_80k_cityscapes/"
            "isanet_r101-d8_769x769_80k_cityscapes_20210903_111319-24f71dfa.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.out_conv"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
