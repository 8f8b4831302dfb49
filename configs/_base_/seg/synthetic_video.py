# Generated street video with exact flow, in CamVid's layout:
#   python -m data_prep.seg.video data/synthetic_video --clips 40 --test-clips 12 --size 160 120 --reach 2
# Every network gets the same frames, also those that look at no neighbour.
_root = "{{$STREET_VIDEO_ROOT:data/synthetic_video}}"
_size = (160, 120)  # width, height
_crop = (96, 128)  # height, width
_flow = dict(type="ExactFlow")
_train = [
    dict(type="CheckedImage"),
    dict(type="CheckedAnnotations"),
    dict(type="LoadNeighbours", flow=_flow),
    dict(
        type="ForAllFrames",
        transforms=[
            dict(type="RandomResize", scale=_size, ratio_range=(0.75, 1.5), keep_ratio=True),
            dict(type="RandomCrop", crop_size=_crop, cat_max_ratio=0.75),
            dict(type="RandomFlip", prob=0.5),
            dict(type="PhotoMetricDistortion"),
        ],
    ),
    dict(type="PadFrames", size=_crop),  # the preprocessor pads neither neighbours nor flow
    dict(type="PackClip"),
]
_test = [
    dict(type="CheckedImage"),
    dict(type="Resize", scale=_size, keep_ratio=True),
    dict(type="CheckedAnnotations"),  # after Resize: labels keep their size, and so does flow
    dict(type="LoadNeighbours", flow=_flow, frames=False),
    dict(type="PackClip"),
]
_data = dict(type="CamVidDataset", data_root=_root)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="InfiniteSampler", shuffle=True),
    dataset=dict(
        type="ClipDataset", dataset=dict(**_data, split="train"), views=dict(next=[-2, -1, 1, 2]), pipeline=_train
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ClipDataset", dataset=dict(**_data, split="val"), views=dict(next=1), pipeline=_test),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ClipDataset", dataset=dict(**_data, split="test"), views=dict(next=1), pipeline=_test),
)
