# The schedule of Pascal Context in BPKD's evaluation configs, which is mmseg's for this set: SGD at 0.004 where
# Cityscapes and ADE20K have 0.01, a weight decay of 1e-4 for 5e-4.
_base_ = "./sgd_80k.py"
optim_wrapper = dict(optimizer=dict(lr=0.004, weight_decay=0.0001))
