# Feature fusion learning (Kim et al., ICPR 2020): two students and a classifier on their fused maps, no teacher.
_base_ = "./student_digits.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    peers=dict(peer=dict(model={{_base_.model}})),
    taps=dict(logits="network", stage="network.stages.2"),
    losses=dict(
        ffl=dict(
            type="FFLLoss",
            student="logits",
            peer="peer.logits",
            student_features="student.stage",
            peer_features="peer.stage",
            target="gt_label",
            temperature=3.0,
            # the authors raise them like this over 80 epochs; the share of this run is ours
            parts=dict(
                to_student=dict(type="exp_warmup", value=1.0, steps=267),
                to_peer=dict(type="exp_warmup", value=1.0, steps=267),
                to_fused=dict(type="exp_warmup", value=1.0, steps=267),
            ),
        )
    ),
    example=dict(type="ClassExample", shape=(1, 8, 8)),
)
