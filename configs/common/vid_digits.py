# Variational information distillation (Ahn et al., CVPR 2019) at the last stage.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        vid=dict(type="VIDLoss", student="stage", teacher="stage", weight=1.0),
    ),
)
