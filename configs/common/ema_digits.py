# A mean teacher (Tarvainen and Valpola, NeurIPS 2017): the student learns from its own running mean.
# Momentum, temperature and the divergence in place of the authors' squared error of probabilities are ours.
_base_ = "./student_digits.py"
model = dict(
    _delete_=True,
    type="Distiller",
    student={{_base_.model}},
    teachers=dict(mean=dict(ema=0.99)),
    taps=dict(logits="network"),
    losses=dict(kd=dict(type="kd_loss", student="logits", teacher="mean.logits", temperature=4.0)),
    example=dict(type="ClassExample", shape=(1, 8, 8)),
)
