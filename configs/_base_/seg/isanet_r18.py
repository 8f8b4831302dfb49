# ISANet R18, which mmseg has not: R18 and the widths of its heads as in BPKD's evaluation configs.
_base_ = "./isanet_r101.py"
model = dict(
    pretrained="open-mmlab://resnet18_v1c",
    backbone=dict(depth=18),
    decode_head=dict(in_channels=512, channels=128),
    auxiliary_head=dict(in_channels=256, channels=64),
)
