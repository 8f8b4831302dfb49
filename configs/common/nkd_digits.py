# Normalised distillation (Yang et al., ICCV 2023); gamma and temperature are the authors' for ImageNet.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        nkd=dict(type="nkd_loss", student="logits", teacher="logits", target="gt_label", gamma=1.5, temperature=1.0),
    ),
)
