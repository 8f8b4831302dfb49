# IFVD as CIRKD's table has it [train_ifvd.sh, train_kd.py of winycg/CIRKD]: 20 where its authors have 200.
_ifvd = dict(
    kd=dict(type="KDLoss", student="logits", teacher="logits", temperature=1.0, weight=1.0),
    variation=dict(type="IFVDLoss", student="features", teacher="features", target="gt_sem_seg", weight=20.0),
    adversarial=dict(
        type="LogitGANLoss", student="logits", teacher="logits", objective="hinge", penalty=0.0, weight=0.001
    ),
)
_critic = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-4, betas=(0.9, 0.99)))  # see loss_skd_rerun.py
