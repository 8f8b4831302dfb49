# The teacher of CIRKD's SegFormer rows: MiT-B4, 81.23 mIoU in its table. mmseg's public weights have 81.89; nothing has
# to be trained. Scores are of whole pictures, mmseg's of a sliding window.
_base_ = [
    "../_base_/seg/segformer_b4.py",
    "../_base_/seg/cityscapes_1024x1024.py",
    "../_base_/seg/adamw_160k_cirkd.py",
    "../_base_/seg/runtime.py",
]
