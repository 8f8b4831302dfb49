# ISANet R18 alone on Cityscapes: 73.62 mIoU in BPKD's table.
_base_ = [
    "../_base_/seg/isanet_r18.py",
    "../_base_/seg/cityscapes_512x1024.py",
    "../_base_/seg/sgd_80k.py",
    "../_base_/seg/runtime.py",
]
