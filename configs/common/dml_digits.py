# Deep mutual learning (Zhang et al., CVPR 2018): two students, no teacher; the first is kept.
_base_ = "./student_digits.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    peers=dict(peer=dict(model={{_base_.model}})),
    taps=dict(logits="network"),
    losses=dict(
        to_student=dict(type="dml_loss", student="logits", peers="peer.logits"),
        to_peer=dict(type="dml_loss", student="peer.logits", peers="student.logits"),
    ),
    example=dict(type="ClassExample", shape=(1, 8, 8)),
)
