# Pascal Context, its 59 classes (4998 train, 5105 val), prepared by data_prep/seg/pascal_context.py.
# PASCAL_CONTEXT_ROOT or --data-root moves it. The labels count from 1; 0 is background, and becomes 255.
_root = "{{$PASCAL_CONTEXT_ROOT:data/VOCdevkit/VOC2010}}"
_crop = (480, 480)
_folders = dict(img_path="JPEGImages", seg_map_path="SegmentationClassContext")
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations", num_classes=59),
    dict(type="RandomResize", scale=(520, 520), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=(520, 520), keep_ratio=True),
    dict(type="CheckedAnnotations", num_classes=59),  # after Resize: labels keep their size
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=16,  # on one GPU; on N GPUs divide by N
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="PascalContextDataset59",
        data_root=_root,
        data_prefix=_folders,
        ann_file="ImageSets/SegmentationContext/train.txt",
        pipeline=_train,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="PascalContextDataset59",
        data_root=_root,
        data_prefix=_folders,
        ann_file="ImageSets/SegmentationContext/val.txt",
        pipeline=_test,
    ),
)
test_dataloader = val_dataloader
