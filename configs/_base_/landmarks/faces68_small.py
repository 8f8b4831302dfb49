# As faces68.py, sized for two cores: crops of 64 pixels, and 8 fixed views of each face, so that what teachers say of
# them can be stored.
_data = dict(type="PTSFaces", data_root="data/faces68", scheme="68", size=64, margin=0.25)
train_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="train", augment=dict(flip=0.5, rotation=20), views=8),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="val"),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="test"),
)
# Schedule (ours): 30 epochs of 2,763 / 64 iterations, cosine to zero after a warm-up. At 1e-3 these networks, which
# start at random, hardly leave the mean face in the first 200 iterations.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=1290, val_interval=430)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=4e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=86, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
