# Attention transfer (Zagoruyko and Komodakis, ICLR 2017), at the end of every stage.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        at=dict(type="at_loss", student="stages", teacher="stages", p=2, weight=1000.0),
    ),
)
