# BPKD (Liu et al., WACV 2024) on Cityscapes: ISANet R101 -> R18. BPKD's table: 73.62 -> 75.72 mIoU.
_base_ = ["../_base_/seg/pair_isanet_cityscapes.py", "../_base_/seg/loss_bpkd.py"]
model = dict(losses={{_base_._bpkd}})
