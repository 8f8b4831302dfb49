# DIST: correlations in place of divergences (Huang et al., NeurIPS 2022).
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        dist=dict(
            type="dist_loss", student="logits", teacher="logits", beta=1.0, gamma=1.0, temperature=4.0, weight=2.0
        ),
    ),
)
