# The student alone: DeepLabV3+ with MobileNetV2 and narrowed heads. The 75.29 that BPKD's table gives for the
# student is mmseg's stock network with 512 head channels, not this one.
_base_ = [
    "../_base_/seg/deeplabv3plus_mv2.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
