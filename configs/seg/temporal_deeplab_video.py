# The student on generated street video with ETC's temporal loss (Liu et al., ECCV 2020), without a teacher.
_base_ = ["./student_deeplab_video.py", "../_base_/seg/loss_stkd.py"]
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    taps=dict(logits="decode_head.conv_seg"),  # before upsampling
    losses=dict(temporal={{_base_._stkd.temporal}}),
    example=dict(type="SegExample", size=(96, 128), views=["next"]),
)
