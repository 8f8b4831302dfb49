# CIRKD (Yang et al., CVPR 2022) on Cityscapes: PSPNet R101 -> R18. BPKD's table: 74.23 -> 76.03 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_cityscapes.py", "../_base_/seg/loss_cirkd.py"]
model = dict(losses={{_base_._cirkd}})
