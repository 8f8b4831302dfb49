# Deep mutual learning (Zhang et al., CVPR 2018) on noisy labels: two students, no teacher; the first is kept.
_base_ = "./student_deeplab_noisy.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    peers=dict(peer=dict(model={{_base_.model}})),
    taps=dict(logits="decode_head.conv_seg"),
    losses=dict(
        to_student=dict(type="dml_loss", student="logits", peers="peer.logits"),
        to_peer=dict(type="dml_loss", student="peer.logits", peers="student.logits"),
    ),
    example=dict(type="SegExample", size=(128, 128)),
)
