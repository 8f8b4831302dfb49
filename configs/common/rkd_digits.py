# Relational distillation (Park et al., CVPR 2019) on the pooled features.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        distance=dict(type="rkd_distance_loss", student="embedding", teacher="embedding", weight=25.0),
        angle=dict(type="rkd_angle_loss", student="embedding", teacher="embedding", weight=50.0),
    ),
)
