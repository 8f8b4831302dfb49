# ACAM-KD's schedule for Cityscapes, from notes on the paper: SGD, lr 0.02, weight decay 5e-4, poly, 40k iterations.
# Batch 16 (set beside the data), momentum and power are those of MasKD's code, its baseline.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=40000, val_interval=4000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0005))
param_scheduler = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=40000, by_epoch=False)]
