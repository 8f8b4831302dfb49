# The same pair with channel-wise distillation of the logits (Shu et al., ICCV 2021).
_base_ = "./bpkd_deeplab_camvid.py"
model = dict(
    losses=dict(
        _delete_=True,
        # temperature 4 and weight 3: the authors' script for logits
        cwd=dict(type="CWDLoss", student="logits", teacher="logits", temperature=4.0, weight=3.0),
    )
)
