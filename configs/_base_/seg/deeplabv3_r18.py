_base_ = "./deeplabv3_r101.py"
# As mmseg's network of this name: a head of 128 channels.
model = dict(
    pretrained="open-mmlab://resnet18_v1c",
    backbone=dict(depth=18),
    decode_head=dict(in_channels=512, channels=128),
    auxiliary_head=dict(in_channels=256, channels=64),
)
