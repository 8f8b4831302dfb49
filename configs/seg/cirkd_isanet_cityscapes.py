# CIRKD (Yang et al., CVPR 2022) on Cityscapes: ISANet R101 -> R18. BPKD's table: 73.62 -> 75.41 mIoU.
_base_ = ["../_base_/seg/pair_isanet_cityscapes.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
