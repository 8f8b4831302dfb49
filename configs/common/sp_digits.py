# Similarity-preserving distillation (Tung and Mori, ICCV 2019) at the last stage.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        sp=dict(type="sp_loss", student="stage", teacher="stage", weight=3000.0),
    ),
)
