# Generated slices with organs, 240 to train on: python data_prep/seg/organs.py --out data/synthetic_organs
_size = (96, 96)  # width, height
_data = dict(
    type="ListedSegDataset",
    data_root="{{$ORGANS_ROOT:data/synthetic_organs}}",
    metainfo=dict(
        classes=("background", "liver", "spleen", "kidney", "pancreas", "aorta"),
        palette=[[0, 0, 0], [180, 60, 60], [60, 160, 60], [70, 90, 220], [230, 200, 60], [230, 80, 220]],
    ),
)
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations"),
    dict(type="RandomResize", scale=_size, ratio_range=(0.8, 1.25), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_size[::-1]),  # no flips: the liver is always on the same side
    dict(type="PackSegInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=_size, keep_ratio=True),
    dict(type="CheckedAnnotations"),  # after Resize: labels keep their size
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(**_data, split="train", pipeline=_train),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, split="val", pipeline=_test),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, split="test", pipeline=_test),
)
