# CIFAR-100 from a local copy (cifar-100-python in data_root); nothing is downloaded.
_root = "data/cifar100"
train_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(type="CIFAR100Dataset", data_root=_root, split="train"),
)
val_dataloader = dict(
    batch_size=512,
    num_workers=2,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="CIFAR100Dataset", data_root=_root, split="test"),
)
test_dataloader = val_dataloader
# 200 epochs of 50,000 / 128 = 391 iterations; SGD 0.1, divided by 5 at 60, 120 and 160: the usual schedule for
# these networks (ours: the schedule in the authors' config does not reach their engine, so theirs is not known)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=78200, val_interval=3910)
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=5e-4))
param_scheduler = [dict(type="MultiStepLR", milestones=[23460, 46920, 62560], gamma=0.2, by_epoch=False)]
