# What all sets of frames share: how they are loaded, and the network around its name, which who inherits this gives.
_loader = dict(num_workers=0, collate_fn=dict(type="join_samples"))  # a frame is read in a microsecond
train_dataloader = dict(
    batch_size=400, sampler=dict(type="InfiniteSampler", shuffle=True), **_loader
)  # AMR-Benchmark's
val_dataloader = dict(batch_size=1000, sampler=dict(type="DefaultSampler", shuffle=False), **_loader)
test_dataloader = dict(batch_size=1000, sampler=dict(type="DefaultSampler", shuffle=False), **_loader)
model = dict(
    type="Classifier",
    data_preprocessor=dict(type="TensorPreprocessor"),  # with augment=dict(type="IQAugment") frames are turned
)
train_cfg = dict(type="IterBasedTrainLoop")
