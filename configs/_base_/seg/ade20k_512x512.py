# ADE20K, 150 classes (20210 train, 2000 val), checked by data_prep/seg/ade20k.py. ADE20K_ROOT or --data-root moves it.
# The labels count from 1; 0 is without a class, and becomes 255.
_root = "{{$ADE20K_ROOT:data/ade/ADEChallengeData2016}}"
_crop = (512, 512)
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations", num_classes=150),
    dict(type="RandomResize", scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=(2048, 512), keep_ratio=True),
    dict(type="CheckedAnnotations", num_classes=150),  # after Resize: labels keep their size
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=16,  # on one GPU; on N GPUs divide by N
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ADE20KDataset",
        data_root=_root,
        data_prefix=dict(img_path="images/training", seg_map_path="annotations/training"),
        pipeline=_train,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="ADE20KDataset",
        data_root=_root,
        data_prefix=dict(img_path="images/validation", seg_map_path="annotations/validation"),
        pipeline=_test,
    ),
)
test_dataloader = val_dataloader
