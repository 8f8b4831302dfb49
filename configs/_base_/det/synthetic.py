# Generated scenes of digits and shapes, 160 pixels a side.
#   python data_prep/det/synthetic.py --out data/synthetic_boxes
_classes = ("digit", "disc", "triangle", "rectangle", "ring", "star")
_data = dict(
    type="CocoBoxes",
    data_root="data/synthetic_boxes",
    data_prefix=dict(img="JPEGImages"),
    metainfo=dict(classes=_classes),
)
_train = [
    dict(type="CheckedImage"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=(160, 160), keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=(160, 160), keep_ratio=True),
    dict(type="LoadAnnotations", with_bbox=True),  # after Resize: boxes stay in the image's own pixels
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances")),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(**_data, ann_file="train.json", pipeline=_train),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, ann_file="val.json", pipeline=_test, test_mode=True),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(**_data, ann_file="test.json", pipeline=_test, test_mode=True),
)
