# PSPNet R18 alone on Cityscapes, the network that is distilled: 74.87 mIoU in mmseg's metafile. The 74.23 of BPKD's
# table are of another one, mmseg's R18b with torchvision's stem.
_base_ = [
    "../_base_/seg/pspnet_r18.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
