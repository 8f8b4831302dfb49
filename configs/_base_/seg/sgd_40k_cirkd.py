# CIRKD's schedule [train_kd.py of winycg/CIRKD]: SGD, lr 0.02, weight decay 1e-4, poly 0.9 to 0, 40k iterations. Its
# batch of 16 stands beside the data.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=40000, val_interval=4000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.02, momentum=0.9, weight_decay=0.0001))
param_scheduler = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=40000, by_epoch=False)]
