# Standardised logits (Sun et al., CVPR 2024).
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        lskd=dict(type="lskd_loss", student="logits", teacher="logits", temperature=2.0, weight=9.0),
    ),
)
