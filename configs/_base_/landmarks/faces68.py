# Faces with 68 points as PTS files in train, val and test of data/faces68; a folder of one's own is read the same way.
_data = dict(type="PTSFaces", data_root="data/faces68", scheme="68", size=224, margin=0.25)
train_dataloader = dict(
    batch_size=64,
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
# Schedule (ours): 230 epochs of 2,763 / 64 iterations, cosine to zero after a warm-up.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=10000, val_interval=1000)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=500, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
