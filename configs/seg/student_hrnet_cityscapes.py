# HRNetV2-W18 small alone on Cityscapes: 75.31 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/hrnet_w18s.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
