# Loaders for the data sets of KD-Loss, and its authors' schedule. A set adds its name and place, and how long to train.
_crops = dict(size=224, margin=0.25)
train_dataloader = dict(
    batch_size=70,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_crops, part="train", augment=dict(flip=0.5, rotation=20)),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_crops, part="val"),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_crops, part="test"),
)
# Adam 1e-3 with Keras's time decay of 1e-4, batch 70, 150 epochs [student_train.py of aliprf/KD-Loss].
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3, betas=(0.9, 0.999)))
param_scheduler = [dict(type="TimeDecayLR", decay=1e-4, by_epoch=False)]
