# Handwritten digits of scikit-learn: 1,004 to train on, 197 to validate, 596 to test.
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="DigitsDataset", split="train"),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="DigitsDataset", split="val"),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="DigitsDataset", split="test"),
)
# Schedule (ours): SGD, cosine to zero.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1000, val_interval=1000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=1000, eta_min=0.0, by_epoch=False)]
