# CWD as CIRKD's table has it [train_cwd.sh, train_kd.py of winycg/CIRKD]: on logits and features, beside KD and a
# critic.
_cwd = dict(
    kd=dict(type="KDLoss", student="logits", teacher="logits", temperature=1.0, weight=1.0),
    logits=dict(type="CWDLoss", student="logits", teacher="logits", temperature=4.0, weight=3.0),
    features=dict(
        type="CWDLoss",
        student="features",
        teacher="features",
        temperature=4.0,
        weight=100.0,  # 50 of a sum over the teacher's 256 channels, divided by the student's 128; this is a mean
    ),
    adversarial=dict(
        type="LogitGANLoss", student="logits", teacher="logits", objective="hinge", penalty=0.0, weight=0.001
    ),
)
_critic = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-4, betas=(0.9, 0.99)))  # see loss_skd_rerun.py
