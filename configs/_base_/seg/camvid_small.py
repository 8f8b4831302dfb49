# CamVid at half its 480x360: small enough for a CPU (ours). Scores are taken at the full 480x360 labels.
_root = "{{$CAMVID_ROOT:data/camvid}}"
_size = (240, 180)  # width, height
_crop = (180, 180)  # height, width
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
