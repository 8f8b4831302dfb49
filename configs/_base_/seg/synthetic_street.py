# Generated street scenes in CamVid's layout: python data_prep/seg/synthetic.py --out data/synthetic_street
_root = "{{$STREET_ROOT:data/synthetic_street}}"
_size = (160, 120)  # width, height
_crop = (96, 128)  # height, width
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations"),
    dict(type="RandomResize", scale=_size, ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
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
    dataset=dict(type="CamVidDataset", data_root=_root, split="train", pipeline=_train),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="CamVidDataset", data_root=_root, split="val", pipeline=_test),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="CamVidDataset", data_root=_root, split="test", pipeline=_test),
)
