# Knowledge review (Chen et al., CVPR 2021): every stage from all deeper ones.
# Ours: mid_channels, for the authors' choice would be 8, the width of the student's last stage; and the weight, theirs
# being 0.6 to 8 by pair of networks, reached over 20 epochs.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        review=dict(type="ReviewKDLoss", student="stages", teacher="stages", mid_channels=64, weight=1.0),
    ),
)
