# CIRKD's schedule for SegFormer [train_kd_segformer.py of winycg/CIRKD and its scripts]: AdamW, lr 2e-4 for all layers,
# weight decay 1e-4, poly 0.9 to 0, 160k iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=160000, val_interval=16000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=2e-4, weight_decay=1e-4))
param_scheduler = [dict(type="PolyLR", eta_min=0.0, power=0.9, begin=0, end=160000, by_epoch=False)]
