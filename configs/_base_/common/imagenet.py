# ImageNet-1k: a folder per class in train and val.
_root = "data/imagenet"
train_dataloader = dict(
    batch_size=256,  # on one GPU; 32 on each of 8 in the authors' configs
    num_workers=16,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="ImageFolderDataset", data_root=_root, split="train"),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageFolderDataset", data_root=_root, split="val"),
)
test_dataloader = val_dataloader
# 100 epochs of 1,281,167 / 256 = 5005 iterations; SGD 0.1, divided by 10 every 30: the usual ResNet schedule
train_cfg = dict(type="IterBasedTrainLoop", max_iters=500500, val_interval=50050)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type="MultiStepLR", milestones=[150150, 300300, 450450], gamma=0.1, by_epoch=False)]
