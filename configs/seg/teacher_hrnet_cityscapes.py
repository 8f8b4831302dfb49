# A teacher of BPKD's rows on Cityscapes: HRNetV2-W48, as mmseg's own config of that name. Public weights: 80.65 mIoU in
# mmseg's metafile; nothing has to be trained.
_base_ = [
    "../_base_/seg/hrnet_w48.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_160k.py",
    "../_base_/seg/runtime.py",
]
