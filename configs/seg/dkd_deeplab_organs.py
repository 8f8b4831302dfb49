# Pixel-wise decoupled distillation with a fixed weight on generated organs: what FDWA-DKD starts from.
_base_ = "./kd_deeplab_organs.py"
model = dict(
    losses=dict(
        _delete_=True,
        dkd=dict(
            type="PixelDKDLoss",
            student="logits",
            teacher="logits",
            target="gt_sem_seg",
            # ours; alpha, beta and temperature of DKD on ImageNet, since the medical paper's could not be read
            alpha=1.0,
            beta=0.5,
            temperature=1.0,
        ),
    )
)
