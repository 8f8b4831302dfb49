# ISANet R101 (which is trained first: mmseg has no weights of it) teaches ISANet R18 on Pascal Context: a pair of
# BPKD's table.
_base_ = "../../seg/student_isanet_context.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            config="{{ fileDirname }}/../../seg/teacher_isanet_context.py",
            checkpoint="work_dirs/teacher_isanet_context/iter_80000.pth",
        )
    ),
    taps=dict(logits="decode_head.conv_seg", features="decode_head.out_conv"),  # before upsampling
    example=dict(type="SegExample", size=(128, 128)),
)
