# Cityscapes with crops of 1024x1024, batch 8.
_base_ = "./cityscapes_512x1024.py"
_crop = (1024, 1024)
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations", num_classes=19),
    dict(type="RandomResize", scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=_train))
