# CamVid, SegNet's 11 classes at 480x360, crop 360x360, batch 16: the protocol of CIRKD's and Af-DCD's tables.
_root = "{{$CAMVID_ROOT:data/camvid}}"
_size = (480, 360)  # width, height
_crop = (360, 360)  # height, width
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations"),
    dict(type="RandomResize", scale=_size, ratio_range=(0.5, 2.0), keep_ratio=True),
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
    batch_size=16,
    num_workers=4,
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
