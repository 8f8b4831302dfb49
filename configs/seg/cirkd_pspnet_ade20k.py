# CIRKD (Yang et al., CVPR 2022) on ADE20K: PSPNet R101 -> R18. BPKD's table: 33.30 -> 35.07 mIoU.
_base_ = ["../_base_/seg/pair_pspnet_ade20k.py", "../_base_/seg/loss_cirkd_ade20k.py"]
model = dict(losses={{_base_._cirkd}})
