# On ADE20K notes on channel-wise distillation have temperature 1 and weight 10.
_base_ = "./loss_cwd.py"
_cwd = dict(cwd=dict(temperature=1.0, weight=10.0))
