# Trains the teacher of the Cityscapes runs: DeepLabV3+ with a ResNet-101, as mmseg's own config of that name
# (mIoU 80.97 in mmseg's metafile). The public checkpoint that bpkd_deeplab.py names is this network.
_base_ = [
    "../_base_/seg/deeplabv3plus_r101.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
