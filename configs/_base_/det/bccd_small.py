# BCCD (205 train, 87 val, 48 test images of blood cells) at half its size; trained on windows of 192 pixels.
_classes = ("RBC", "WBC", "Platelets")
_data = dict(type="VOCBoxes", data_root="data/bccd", metainfo=dict(classes=_classes))
_train = [
    dict(type="CheckedImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(320, 240), keep_ratio=True),
    dict(type="RandomCrop", crop_size=(192, 192), allow_negative_crop=True),
    dict(type="RandomFlip", prob=0.75, direction=["horizontal", "vertical", "diagonal"]),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackDetInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=(320, 240), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),  # after Resize: boxes stay in the image's own pixels
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances")),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(**_data, part="train", pipeline=_train),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, part="val", pipeline=_test, test_mode=True),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, part="test", pipeline=_test, test_mode=True),
)
