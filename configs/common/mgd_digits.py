# Masked generative distillation (Yang et al., ECCV 2022) at the last stage.
_base_ = "./kd_digits.py"
model = dict(
    losses=dict(
        _delete_=True,
        # the channel mask, its ratio and alpha: ImageNet's, for which alone the authors have code for classification
        mgd=dict(type="MGDLoss", student="stage", teacher="stage", kind="channel", mask_ratio=0.15, alpha=7e-5),
    ),
)
