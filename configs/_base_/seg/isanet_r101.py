# ISANet R101 of mmseg.
_base_ = "mmseg::_base_/models/isanet_r50-d8.py"
model = dict(
    # ImageNet weights, fetched on first use. Offline: --no-pretrained; the published figures then are out of reach.
    pretrained="open-mmlab://resnet101_v1c",
    data_preprocessor=dict(size=(512, 1024)),
    backbone=dict(depth=101),
)
