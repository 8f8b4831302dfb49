# Images in a folder per class: data/my_images/train/CLASS/*.jpg, likewise val and (if there is one) test.
_root = "data/my_images"
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="ImageFolderDataset", data_root=_root, split="train"),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageFolderDataset", data_root=_root, split="val"),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=2,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageFolderDataset", data_root=_root, split="test"),
)
# Schedule (ours): fine-tuning for 5,000 batches, cosine to zero.
train_cfg = dict(type="IterBasedTrainLoop", max_iters=5000, val_interval=500)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type="CosineAnnealingLR", T_max=5000, eta_min=0.0, by_epoch=False)]
