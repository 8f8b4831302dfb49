# SKD as CIRKD's table has it [train_skd.sh, train_kd.py, losses/skd.py of winycg/CIRKD]: other weights and another
# adversarial objective than the authors of SKD.
_skd = dict(
    kd=dict(type="KDLoss", student="logits", teacher="logits", temperature=1.0, weight=1.0),
    pair=dict(type="SKDPairwiseLoss", student="features", teacher="features", kernel=2, detach_norm=False, weight=10.0),
    adversarial=dict(
        type="LogitGANLoss", student="logits", teacher="logits", objective="hinge", penalty=0.0, weight=0.001
    ),
)
# At the same rate throughout. The 0.1 on the critic's loss makes no difference to Adam's steps.
_critic = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-4, betas=(0.9, 0.99)))
