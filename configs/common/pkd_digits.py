# PKD: standardised features (Cao et al., NeurIPS 2022) at the last stage; weight ours.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        pkd=dict(type="pkd_loss", student="stage", teacher="stage", weight=6.0),
    ),
)
