# A teacher of BPKD's rows on Cityscapes: PSPNet R101, as mmseg's own config of that name. Public weights: 79.76 mIoU in
# mmseg's metafile; nothing has to be trained.
_base_ = [
    "../_base_/seg/pspnet_r101.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
