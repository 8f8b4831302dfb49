# SegFormer MiT-B0 alone on Cityscapes in CIRKD's protocol: 75.58 mIoU in its table.
_base_ = [
    "../_base_/seg/segformer_b0.py",
    "../_base_/seg/cityscapes_1024x1024.py",
    "../_base_/seg/adamw_160k_cirkd.py",
    "../_base_/seg/runtime.py",
]
