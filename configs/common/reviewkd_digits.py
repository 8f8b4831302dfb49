# Knowledge review (Chen et al., CVPR 2021): every stage from all deeper ones.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        review=dict(type="ReviewKDLoss", student="stages", teacher="stages", mid_channels=64, weight=1.0),
    ),
)
