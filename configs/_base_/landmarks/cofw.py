# COFW: COFW_train_color.mat and COFW_test_color.mat in data/cofw; 1,345 faces, a tenth of which validates, and 507.
_data = dict(type="COFW", data_root="data/cofw", size=224, margin=0.25)
train_dataloader = dict(
    batch_size=70,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="train", augment=dict(flip=0.5, rotation=20)),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="val"),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="test"),
)
# Schedule: Adam 1e-3 with Keras's time decay of 1e-4, batch 70, 150 epochs [student_train.py of aliprf/KD-Loss]. Their
# epoch has 10 stored views of each face; new views take the place of those: 150 * 10 * 1345 / 70 iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=29000, val_interval=2900)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3, betas=(0.9, 0.999)))
param_scheduler = [dict(type="TimeDecayLR", decay=1e-4, by_epoch=False)]
