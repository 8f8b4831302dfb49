# The same pair with plain distillation of every pixel's class probabilities (Hinton et al., 2015).
_base_ = "./bpkd_deeplab.py"
model = dict(
    losses=dict(
        _delete_=True,
        # temperature 1 and weight 1: what CIRKD's tables run; void pixels do not count
        kd=dict(type="KDLoss", student="logits", teacher="logits", target="gt_sem_seg", temperature=1.0),
    )
)
