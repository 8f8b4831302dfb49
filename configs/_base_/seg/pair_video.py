# Two networks teach one student on generated street video: convolutions and attention, the mean of their probabilities.
_base_ = "../../seg/student_deeplab_video.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(
        teacher=dict(
            model=dict(
                type="TwoBranchSegmentor",
                data_preprocessor={{_base_.model.data_preprocessor}},
                cnn=dict(
                    config="{{ fileDirname }}/../../seg/teacher_deeplab_video.py",
                    checkpoint="work_dirs/teacher_deeplab_video/iter_500.pth",
                ),
                transformer=dict(
                    config="{{ fileDirname }}/../../seg/teacher_segformer_video.py",
                    checkpoint="work_dirs/teacher_segformer_video/iter_500.pth",
                ),
                fusion="mean",
            ),
            checkpoint=None,  # its branches have theirs
        )
    ),
    taps=dict(
        logits=dict(student="decode_head.conv_seg", teacher="fusion"),  # before upsampling
        cnn=dict(student="decode_head.bottleneck", teacher="cnn.decode_head.bottleneck"),
        transformer=dict(student="decode_head.bottleneck", teacher="transformer.decode_head.fusion_conv"),
    ),
    example=dict(type="SegExample", size=(96, 128), views=["next"]),
)
custom_hooks = [dict(type="TeacherCheckHook", batches=48)]  # the fused teacher on all validation frames
