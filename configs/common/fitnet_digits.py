# FitNets (Romero et al., ICLR 2015): the last stage behind a learned projection.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        fitnet=dict(type="fitnet_loss", student="stage", teacher="stage", adapter="conv1x1_bn", weight=100.0),
    ),
)
