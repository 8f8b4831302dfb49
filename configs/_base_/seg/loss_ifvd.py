# IFVD (Wang et al., ECCV 2020), weights of the authors' code [options.py, networks/kd_model.py of YukangWang/IFVD].
_ifvd = dict(
    pixel=dict(
        type="KDLoss",
        student="logits",
        teacher="logits",
        temperature=1.0,
        weight=10 / 19,  # 10 of a mean over all elements, of which a pixel has one for each class
    ),
    variation=dict(
        type="IFVDLoss", student="features", teacher="features", target="gt_sem_seg", num_classes=19, weight=200.0
    ),
    holistic=dict(
        type="LogitGANLoss",
        student="logits",
        teacher="logits",
        objective="wgan",
        penalty=10.0,  # of the gradient, inside the critic's loss
        spectral_norm=True,  # as the authors; their batch norm before it, under which critics diverged, is left out
        weight=0.001,
    ),
)
# The authors' 0.1 on the critic's loss makes no difference to Adam's steps.
_critic = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-4, betas=(0.9, 0.99)))
_critic_schedule = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=80000, by_epoch=False)]
