# SKDS (Liu et al., CVPR 2019): pixel-wise, pair-wise and holistic distillation, weights of the authors' script
# [run_train_val.sh, networks/kd_model.py of irfanICMLL/structure_knowledge_distillation].
_skds = dict(
    pixel=dict(
        type="KDLoss",
        student="logits",
        teacher="logits",
        temperature=1.0,
        weight=80.0,  # 10 of a sum over the authors' batch of 8; this is the mean over it
    ),
    pair=dict(type="SKDPairwiseLoss", student="features", teacher="features", scale=0.5, weight=0.5),
    holistic=dict(
        type="LogitGANLoss",
        student="logits",
        teacher="logits",
        objective="wgan",
        penalty=10.0,  # of the gradient, inside the critic's loss
        spectral_norm=True,  # as the authors; their batch norm before it, under which the critic diverged, is left out
        weight=0.1,
    ),
)
# SGD at 4e-4, weight decay 5e-4, on 0.1 times the critic's loss: the same steps as these on the whole of it.
_critic = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=4e-5, momentum=0.9, weight_decay=5e-3))
_critic_schedule = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=80000, by_epoch=False)]
