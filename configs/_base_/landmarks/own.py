# A folder of one's own with a few hundred faces: images with PTS or LJSON files beside them in train, val (or none: a
# tenth of train validates) and test, and scheme.json. Crops of 112 pixels, and 20 fixed views of each face, so that
# what teachers say of them can be stored.
_data = dict(type="PTSFaces", data_root="data/my_faces", scheme=None, size=112, margin=0.25)
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="train", augment=dict(flip=0.5, rotation=20), views=20),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="val"),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="join_samples"),
    dataset=dict(**_data, part="test"),
)
# Schedule (ours): 16 times through 20 views of 200 faces, cosine to zero after a warm-up.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=2000, val_interval=500)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=1e-3))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, begin=0, end=100, by_epoch=False),
    dict(type="CosineAnnealingLR", eta_min=0.0, by_epoch=False),  # to max_iters
]
