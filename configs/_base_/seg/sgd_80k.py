# BPKD's schedule (its evaluation configs and README): SGD, poly 0.9, 80k iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=80000, val_interval=8000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=0.0005))
param_scheduler = [dict(type="PolyLR", eta_min=1e-4, power=0.9, begin=0, end=80000, by_epoch=False)]
