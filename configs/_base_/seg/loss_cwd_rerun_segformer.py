# A tenth of the weights for SegFormer, as CIRKD's script has it.
_base_ = "./loss_cwd_rerun.py"
_cwd = dict(
    logits=dict(weight=0.3),
    features=dict(weight=15.0),  # 5 of a sum over the teacher's 768 channels, divided by the student's 256
)
