# Weighted soft labels (Zhou et al., ICLR 2021); temperature and weight are those for ImageNet, of mmrazor.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        wsld=dict(type="wsld_loss", student="logits", teacher="logits", target="gt_label", temperature=2.0, weight=2.5),
    ),
)
