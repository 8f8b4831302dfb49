# Decoupled distillation (Zhao et al., CVPR 2022).
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        dkd=dict(
            type="dkd_loss", student="logits", teacher="logits", target="gt_label", alpha=1.0, beta=8.0, temperature=4.0
        ),
    ),
)
