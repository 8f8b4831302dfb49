# Cityscapes (2975 train, 500 val), prepared by data_prep/seg/cityscapes.py. CITYSCAPES_ROOT or --data-root moves it.
_root = "{{$CITYSCAPES_ROOT:data/cityscapes}}"
_crop = (512, 1024)
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations", num_classes=19),
    dict(type="RandomResize", scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=(2048, 1024), keep_ratio=True),
    dict(type="CheckedAnnotations", num_classes=19),  # after Resize: labels keep their size
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=8,  # on one GPU; on N GPUs divide by N
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="CityscapesDataset",
        data_root=_root,
        data_prefix=dict(img_path="leftImg8bit/train", seg_map_path="gtFine/train"),
        pipeline=_train,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="CityscapesDataset",
        data_root=_root,
        data_prefix=dict(img_path="leftImg8bit/val", seg_map_path="gtFine/val"),
        pipeline=_test,
    ),
)
test_dataloader = val_dataloader
