# CIRKD (Yang et al., CVPR 2022) on Cityscapes in CIRKD's protocol: SegFormer B4 -> B0. CIRKD's table: 75.58 -> 76.92
# mIoU.
_base_ = ["../_base_/seg/pair_segformer_b0.py", "../_base_/seg/loss_cirkd_segformer.py"]
model = dict(losses={{_base_._cirkd}})
